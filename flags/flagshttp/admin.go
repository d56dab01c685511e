package flagshttp

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/internal/httpjson"
)

// Admin returns a handler for those who look after flags:
//
//	GET    /flags                  {"flags": [{"flag": definition, "version": 3}, …]}, by key
//	GET    /flags/{key}            one of them, with its version as ETag
//	PUT    /flags/{key}            {"flag": definition, "reason": "…"}; If-Match: "version", or If-None-Match: * for a new one
//	DELETE /flags/{key}?reason=…   If-Match: "version"
//	POST   /flags/{key}/switch     {"disabled": true, "reason": "…"}: the kill switch
//	POST   /flags/{key}/ramp       {"ramp": schedule, "reason": "…"}
//	POST   /flags/{key}/advance    {"reason": "…"}; pause, resume and rollback likewise
//	POST   /flags/{key}/revert     {"version": 3, "reason": "…"}
//	GET    /flags/{key}/versions   ?before=7&limit=20: who, when, why, and the definition, newest first
//	POST   /flags/{key}/explain    {"tenant": "acme", "attributes": {…}}: the whole way to the answer
//	POST   /flags/{key}/diff       {"flag": definition}: the tenants for whom it would change the answer
//	GET    /segments, GET, PUT, DELETE /segments/{key}: as flags; {"segment": …}
//	GET    /stale                  flags that nobody needs any more
//
// Authorize is asked before anything is looked up or read; what was changed is recorded under the [tenon.Caller] in
// the request's context, which the host's authentication has put there. A PUT or DELETE without its condition is 428, and
// 412 when another version is stored. A definition that is wrong is 400 with the path of the fault in the field
// "field". Bodies are application/json; since a form cannot send that, no other site's page can make a browser do so.
//
// Mount it under a prefix with [http.StripPrefix]. It panics when set or authorize is nil.
func Admin(set *flags.Set, authorize AuthorizeFunc, opts *Options) http.Handler {
	if authorize == nil {
		panic("flagshttp: nil AuthorizeFunc")
	}
	a := &admin{newService(set, opts), authorize}
	mux := http.NewServeMux()
	for pattern, route := range a.routes() {
		mux.HandleFunc(pattern, a.serve(route))
	}
	return httpjson.Mux(mux)
}

type admin struct {
	service
	authorize AuthorizeFunc
}

// route is what one may do at a path, and what that is called when one asks whether one may.
type route struct {
	action Action
	serve  func(w http.ResponseWriter, r *http.Request, key string) error
}

func (a *admin) routes() map[string]route {
	return map[string]route{
		"GET /flags":                 {Read, a.listFlags},
		"GET /flags/{key}":           {Read, a.getFlag},
		"PUT /flags/{key}":           {Write, a.putFlag},
		"DELETE /flags/{key}":        {Write, a.deleteFlag},
		"POST /flags/{key}/switch":   {Write, a.switchFlag},
		"POST /flags/{key}/revert":   {Write, a.revertFlag},
		"POST /flags/{key}/ramp":     {Move, a.startRamp},
		"POST /flags/{key}/advance":  {Move, a.move(a.set.Advance)},
		"POST /flags/{key}/pause":    {Move, a.move(a.set.Pause)},
		"POST /flags/{key}/resume":   {Move, a.move(a.set.Resume)},
		"POST /flags/{key}/rollback": {Move, a.move(a.set.Rollback)},
		"GET /flags/{key}/versions":  {Read, a.listVersions},
		"POST /flags/{key}/explain":  {Read, a.explainFlag},
		"POST /flags/{key}/diff":     {Read, a.diffFlag},
		"GET /segments":              {Read, a.listSegments},
		"GET /segments/{key}":        {Read, a.getSegment},
		"PUT /segments/{key}":        {Write, a.putSegment},
		"DELETE /segments/{key}":     {Write, a.deleteSegment},
		"GET /stale":                 {Read, a.listStale},
	}
}

// serve asks in this order: may they, is there such a key, is the set ready.
func (a *admin) serve(route route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := r.PathValue("key")
		if err := a.authorize(r, route.action, key); err != nil {
			a.fail(w, r, httpjson.Authorized(err))
			return
		}
		a.vary(w.Header())
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case key != "" && !keyForm.MatchString(key):
			httpjson.Refuse(w, r, unknownFlag)
			return
		case a.set.Status() == flags.StatusNotReady:
			a.fail(w, r, flags.ErrNotLoaded)
			return
		}
		if err := route.serve(w, r, key); err != nil {
			a.failWith(w, r, err)
		}
	}
}

func (a *admin) failWith(w http.ResponseWriter, r *http.Request, err error) {
	var changed changedError
	if !errors.As(err, &changed) {
		a.fail(w, r, err)
		return
	}
	p := httpjson.New(http.StatusPreconditionFailed, "changed", "Another version is stored by now. Read it, and change that one.")
	write(w, r, document{Problem: p, Version: changed.version})
}

// answer sends v, with its version as ETag where it has one.
func answer(w http.ResponseWriter, r *http.Request, status int, version int64, v any) error {
	if version > 0 {
		w.Header().Set("Etag", tagOf(version))
	}
	httpjson.Answer(w, r, status, v)
	return nil
}

func tagOf(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
