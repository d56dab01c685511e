package flagshttp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/internal/httpjson"
)

// Handler returns a handler that evaluates flags for a front end:
//
//	GET /flags        {"flags": […]}: every flag for the one who asks, by key
//	GET /flags/{key}  one of them
//
// An element has the form of OpenFeature's remote evaluation protocol: key, value, variant, reason, errorCode and
// metadata, which holds the version. Where the flag has no value for the one who asks (it is switched off), value and
// variant are left out, and the front end's own default counts. Nothing is told of rules, percentages and other
// tenants.
//
// Who asks comes from the request's authentication alone, never from its path. An answer carries a strong ETag,
// Cache-Control: private and Vary. Before the set has loaded anything it is 503.
//
// Mount it under a prefix with [http.StripPrefix]. It panics when set or who is nil.
func Handler(set *flags.Set, who WhoFunc, opts *Options) http.Handler {
	if who == nil {
		panic("flagshttp: nil WhoFunc")
	}
	return &handler{newService(set, opts), who}
}

type handler struct {
	service
	who WhoFunc
}

// evaluation is a flag's answer, as OpenFeature's remote evaluation protocol has it.
type evaluation struct {
	Key      string       `json:"key"`
	Value    any          `json:"value,omitempty"`
	Variant  string       `json:"variant,omitempty"`
	Reason   flags.Reason `json:"reason"`
	Code     flags.Code   `json:"errorCode,omitempty"`
	Metadata metadata     `json:"metadata"`
}

type metadata struct {
	Version int64 `json:"version"`
}

func evaluationOf(d flags.Detail[any]) evaluation {
	e := evaluation{Key: d.Key, Variant: d.Variant, Reason: d.Reason, Code: d.Code, Metadata: metadata{d.Version}}
	if d.Variant != "" || d.Value != nil {
		e.Value = &d.Value // a pointer, so that false, 0 and "" are told
	}
	return e
}

// keyForm is what a key may look like. Anything else is unknown without being looked up.
var keyForm = regexp.MustCompile(`^[A-Za-z0-9._:\-]{1,128}$`)

// ServeHTTP asks in this order: is there such a page, is the method right, who asks, is there such a flag.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page, key, one := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if page != "flags" {
		httpjson.Refuse(w, r, httpjson.NoPage)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		httpjson.MethodNotAllowed(w, r, "GET", "HEAD")
		return
	}
	h.vary(w.Header())
	who, ok := h.identify(w, r, h.who)
	switch {
	case !ok:
	case h.set.Status() == flags.StatusNotReady:
		h.fail(w, r, flags.ErrNotLoaded)
	case one:
		h.one(w, r, key, &who)
	default:
		h.all(w, r, &who)
	}
}

func (h *handler) all(w http.ResponseWriter, r *http.Request, who *flags.Who) {
	list := []evaluation{}
	for _, d := range h.set.All(who) {
		if h.options.Visible(d.Key) {
			list = append(list, evaluationOf(d))
		}
	}
	h.send(w, r, map[string][]evaluation{"flags": list})
}

func (h *handler) one(w http.ResponseWriter, r *http.Request, key string, who *flags.Who) {
	if !keyForm.MatchString(key) || !h.options.Visible(key) {
		httpjson.Refuse(w, r, unknownFlag)
		return
	}
	d := h.set.Evaluate(key, who)
	if d.Code == flags.CodeNotFound {
		httpjson.Refuse(w, r, unknownFlag)
		return
	}
	h.send(w, r, evaluationOf(d))
}

// send writes v. [http.ServeContent] answers conditional requests and HEAD.
func (h *handler) send(w http.ResponseWriter, r *http.Request, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	sum := sha256.Sum256(body)
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", h.cacheControl())
	header.Set("Etag", `"`+hex.EncodeToString(sum[:16])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func (h *handler) cacheControl() string {
	if seconds := int64(h.options.MaxAge / time.Second); seconds > 0 {
		return "private, max-age=" + strconv.FormatInt(seconds, 10)
	}
	return "private, no-cache"
}
