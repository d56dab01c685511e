package directoryhttp

import (
	"net/http"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/httpjson"
)

// Staff returns a handler for those who look after the directory:
//
//	GET  /directory                         ?tenant=&status=submitted&after=id&limit=50: {"partners": […]}
//	GET  /directory/{id}                    ?tenant=acme
//	POST /directory/{id}/publish            ?tenant=acme, {"version": 4}: 409 with the reasons when the plan's limit is
//	                                        reached or a required document is missing
//	POST /directory/{id}/reject             {"reason": "…"}
//	POST /directory/{id}/unpublish          {"reason": "…"}
//	POST /directory/{id}/verify             {}
//	POST /directory/{id}/unverify           {"reason": "…"}
//	POST /directory/{id}/documents/verify   {"kind": "insurance/cargo", "version": 2}
//	GET  /stale                             ?tenant=&after=&limit=100: papers that need attention
//
// Without a tenant, lists are of all tenants. Authorize is asked before anything is looked up or read; what is changed is
// recorded under the [tenon.Caller] in the request's context. Mount it under a prefix with [http.StripPrefix]. It panics
// when book or authorize is nil.
func Staff(book *directory.Book, authorize AuthorizeFunc, opts *Options) http.Handler {
	if book == nil || authorize == nil {
		panic("directoryhttp: nil Book or AuthorizeFunc")
	}
	s := &staff{book, authorize, opts.withDefaults()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /directory", s.serve(Read, s.list))
	mux.HandleFunc("GET /directory/{id}", s.serve(Read, s.get))
	mux.HandleFunc("POST /directory/{id}/publish", s.serve(Publish, s.publish))
	mux.HandleFunc("POST /directory/{id}/reject", s.serve(Publish, s.reject))
	mux.HandleFunc("POST /directory/{id}/unpublish", s.serve(Publish, s.unpublish))
	mux.HandleFunc("POST /directory/{id}/verify", s.serve(Publish, s.verify))
	mux.HandleFunc("POST /directory/{id}/unverify", s.serve(Publish, s.unverify))
	mux.HandleFunc("POST /directory/{id}/documents/verify", s.serve(Publish, s.verifyDocument))
	mux.HandleFunc("GET /stale", s.serve(Read, s.stale))
	return httpjson.Mux(mux)
}

type staff struct {
	book      *directory.Book
	authorize AuthorizeFunc
	options   Options
}

// serve asks whether they may before anything else.
func (s *staff) serve(action Action, next func(w http.ResponseWriter, r *http.Request, ref directory.Ref) error) http.HandlerFunc {
	return s.options.handle(func(w http.ResponseWriter, r *http.Request) error {
		tenant := r.URL.Query().Get("tenant")
		if err := httpjson.Authorized(s.authorize(r, action, tenant)); err != nil {
			return err
		}
		return next(w, r, directory.Ref{Tenant: tenant, ID: r.PathValue("id")})
	})
}

func (s *staff) list(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	return list(w, r, s.book, ref.Tenant)
}

func (s *staff) get(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	return whole(w, r, http.StatusOK)(s.book.Partner(r.Context(), ref))
}

// refusal is why nothing was published.
type refusal struct {
	httpjson.Problem
	Reasons []string `json:"reasons"`
	Limit   int64    `json:"limit,omitempty"` // the plan's, where that is the reason
}

func (s *staff) publish(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	var body struct {
		Version int `json:"version"`
	}
	if err := httpjson.Read(w, r, s.options.MaxBody, &body); err != nil {
		return err
	}
	p, err := s.book.Publish(r.Context(), ref, body.Version)
	if err != nil {
		return err
	}
	if len(p.Refused) > 0 {
		problem := httpjson.New(http.StatusConflict, "not-published", "This cannot be published as things stand.")
		httpjson.RefuseWith(w, r, problem.Status, refusal{problem, p.Refused, p.Limit})
		return nil
	}
	httpjson.Answer(w, r, http.StatusOK, dossierOf(p.Dossier))
	return nil
}

// reason reads a body that has nothing else.
func (s *staff) reason(w http.ResponseWriter, r *http.Request) (string, error) {
	var body why
	err := httpjson.Read(w, r, s.options.MaxBody, &body)
	return body.Reason, err
}

func (s *staff) reject(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	reason, err := s.reason(w, r)
	if err != nil {
		return err
	}
	return whole(w, r, http.StatusOK)(s.book.Reject(r.Context(), ref, reason))
}

func (s *staff) unpublish(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	reason, err := s.reason(w, r)
	if err != nil {
		return err
	}
	return whole(w, r, http.StatusOK)(s.book.Unpublish(r.Context(), ref, reason))
}

func (s *staff) verify(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	if err := httpjson.Read(w, r, s.options.MaxBody, &struct{}{}); err != nil {
		return err
	}
	return whole(w, r, http.StatusOK)(s.book.Verify(r.Context(), ref))
}

func (s *staff) unverify(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	reason, err := s.reason(w, r)
	if err != nil {
		return err
	}
	return whole(w, r, http.StatusOK)(s.book.Unverify(r.Context(), ref, reason))
}

func (s *staff) verifyDocument(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	var body struct {
		Kind    string `json:"kind"`
		Version int    `json:"version"`
	}
	if err := httpjson.Read(w, r, s.options.MaxBody, &body); err != nil {
		return err
	}
	d, err := s.book.VerifyDocument(r.Context(), ref, body.Kind, body.Version)
	if err == nil {
		httpjson.Answer(w, r, http.StatusOK, d)
	}
	return err
}

func (s *staff) stale(w http.ResponseWriter, r *http.Request, ref directory.Ref) error {
	limit, err := httpjson.Number(r, "limit", 100, 1, maxPage)
	if err != nil {
		return err
	}
	page, err := s.book.Stale(r.Context(), ref.Tenant, r.URL.Query().Get("after"), int(limit))
	if err == nil {
		httpjson.Answer(w, r, http.StatusOK, page)
	}
	return err
}
