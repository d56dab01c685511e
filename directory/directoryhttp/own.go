package directoryhttp

import (
	"net/http"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/httpjson"
)

// Own returns a handler for those who list partners. Everything is of the tenant that asks:
//
//	GET    /directory                       ?status=draft&after=id&limit=50: {"partners": […]}
//	POST   /directory                       {"company_name": "…", …}: 201, a draft
//	GET    /directory/{id}                  with its documents and its log
//	PUT    /directory/{id}                  {"version": 3, "profile": {…}}: made from the version that was read
//	DELETE /directory/{id}                  ?reason=…
//	POST   /directory/{id}/submit           {"version": 4}: hand the draft in
//	POST   /directory/{id}/confirm          {}: what is published is still right
//	POST   /directory/{id}/unpublish        {"reason": "…"}
//	GET    /directory/{id}/documents        {"papers": […]}: how each stands, with all versions, missing ones too
//	POST   /directory/{id}/documents        {"kind": "insurance/cargo", "expires_at": "2027-02-28", …}: 201, the next version
//	POST   /directory/invitations           {"company_name": "…", "contact_email": "…", …}: 201, with the token to send
//	POST   /directory/{id}/invitations      {}: another token
//	GET    /directory.csv, POST /directory.csv (text/csv): the report says what was refused, line by line
//
// Changes are recorded under the [tenon.Caller] in the request's context, which the host's authentication has put there.
// Mount it under a prefix with [http.StripPrefix]. It panics when book or tenant is nil.
func Own(book *directory.Book, tenant TenantFunc, opts *Options) http.Handler {
	if book == nil || tenant == nil {
		panic("directoryhttp: nil Book or TenantFunc")
	}
	o := &own{book, tenant, opts.withDefaults()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /directory", o.serve(o.list))
	mux.HandleFunc("POST /directory", o.serve(o.create))
	mux.HandleFunc("GET /directory/{id}", o.serve(o.get))
	mux.HandleFunc("PUT /directory/{id}", o.serve(o.save))
	mux.HandleFunc("DELETE /directory/{id}", o.serve(o.remove))
	mux.HandleFunc("POST /directory/{id}/submit", o.serve(o.submit))
	mux.HandleFunc("POST /directory/{id}/confirm", o.serve(o.confirm))
	mux.HandleFunc("POST /directory/{id}/unpublish", o.serve(o.unpublish))
	mux.HandleFunc("GET /directory/{id}/documents", o.serve(o.papers))
	mux.HandleFunc("POST /directory/{id}/documents", o.serve(o.addDocument))
	mux.HandleFunc("POST /directory/invitations", o.serve(o.invite))
	mux.HandleFunc("POST /directory/{id}/invitations", o.serve(o.inviteAgain))
	mux.HandleFunc("GET /directory.csv", o.serve(o.exportCSV))
	mux.HandleFunc("POST /directory.csv", o.serve(o.importCSV))
	return httpjson.Mux(mux)
}

type own struct {
	book    *directory.Book
	tenant  TenantFunc
	options Options
}

// serve finds out who asks before anything else.
func (o *own) serve(next func(w http.ResponseWriter, r *http.Request, ref directory.Ref) error) http.HandlerFunc {
	return o.options.handle(func(w http.ResponseWriter, r *http.Request) error {
		tenant, err := o.tenant(r)
		if err := httpjson.Identified(tenant != "", err); err != nil {
			return err
		}
		return next(w, r, directory.Ref{Tenant: tenant, ID: r.PathValue("id")})
	})
}

func (o *own) list(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	return list(w, r, o.book, ref.Tenant)
}

func (o *own) create(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	var p directory.Profile
	if err := httpjson.Read(w, r, o.options.MaxBody, &p); err != nil {
		return err
	}
	return whole(w, r, http.StatusCreated)(o.book.Create(r.Context(), ref.Tenant, p))
}

func (o *own) get(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	return whole(w, r, http.StatusOK)(o.book.Partner(r.Context(), ref))
}

func (o *own) save(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	var body struct {
		Version int               `json:"version"`
		Profile directory.Profile `json:"profile"`
	}
	if err := httpjson.Read(w, r, o.options.MaxBody, &body); err != nil {
		return err
	}
	return whole(w, r, http.StatusOK)(o.book.Save(r.Context(), ref, body.Version, body.Profile))
}

func (o *own) remove(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	if err := o.book.Remove(r.Context(), ref, r.URL.Query().Get("reason")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (o *own) submit(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	var body struct {
		Version int `json:"version"`
	}
	if err := httpjson.Read(w, r, o.options.MaxBody, &body); err != nil {
		return err
	}
	return whole(w, r, http.StatusOK)(o.book.Submit(r.Context(), ref, body.Version))
}

func (o *own) confirm(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	if err := httpjson.Read(w, r, o.options.MaxBody, &struct{}{}); err != nil {
		return err
	}
	return whole(w, r, http.StatusOK)(o.book.Confirm(r.Context(), ref))
}

func (o *own) unpublish(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	var body why
	if err := httpjson.Read(w, r, o.options.MaxBody, &body); err != nil {
		return err
	}
	return whole(w, r, http.StatusOK)(o.book.Unpublish(r.Context(), ref, body.Reason))
}

// why is the body of a change that has nothing but a reason.
type why struct {
	Reason string `json:"reason"`
}
