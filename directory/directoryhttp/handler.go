package directoryhttp

import (
	"fmt"
	"net/http"
	"time"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/httpjson"
)

// Handler returns a handler for everybody:
//
//	GET  /partners              ?q=text&service=&region=&facet=services&facet=regions&sort=name&after=cursor&limit=20
//	GET  /partners/{id}         the public page, with contact and website where the partner shows them
//	POST /invitations/accept    {"token": "…"}: whoever was sent it lists the company
//	POST /invitations/decline   {"token": "…"}
//
// Service and region may be repeated, and all must be the partner's. An answer to a search is a [directory.Page]; its
// "next" is the cursor of the next page. Whatever is asked, only what is public is found. Mount it under a prefix with
// [http.StripPrefix]. It panics when book is nil.
func Handler(book *directory.Book, opts *Options) http.Handler {
	if book == nil {
		panic("directoryhttp: nil Book")
	}
	h := &handler{book, opts.withDefaults()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /partners", h.options.handle(h.search))
	mux.HandleFunc("GET /partners/{id}", h.options.handle(h.page))
	mux.HandleFunc("POST /invitations/accept", h.options.handle(h.accept))
	mux.HandleFunc("POST /invitations/decline", h.options.handle(h.decline))
	return httpjson.Mux(mux)
}

type handler struct {
	book    *directory.Book
	options Options
}

func (h *handler) search(w http.ResponseWriter, r *http.Request) error {
	s, err := Parse(r)
	if err != nil {
		return err
	}
	page, err := h.book.Search(r.Context(), s)
	if err != nil {
		return err
	}
	h.keep(w)
	httpjson.Answer(w, r, http.StatusOK, page)
	return nil
}

// Parse returns the search that the query of r asks for, as [Handler] reads it. It is for hosts that make a page of the
// answer. What cannot be right, [directory.Book.Search] says.
func Parse(r *http.Request) (directory.Search, error) {
	query := r.URL.Query()
	limit, err := httpjson.Number(r, "limit", 0, 1, 100)
	if err != nil {
		return directory.Search{}, err
	}
	s := directory.Search{
		Text: query.Get("q"), Services: given(query["service"]), Regions: given(query["region"]),
		Sort: directory.Sort(query.Get("sort")), After: query.Get("after"), Limit: int(limit),
	}
	for _, facet := range query["facet"] {
		s.Facets = append(s.Facets, directory.Facet(facet))
	}
	return s, nil
}

// given leaves out the empty values that a form sends for what was not chosen.
func given(values []string) (all []string) {
	for _, v := range values {
		if v != "" {
			all = append(all, v)
		}
	}
	return all
}

func (h *handler) page(w http.ResponseWriter, r *http.Request) error {
	p, err := h.book.Public(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	h.keep(w)
	httpjson.Answer(w, r, http.StatusOK, p)
	return nil
}

// keep says how long an answer may be kept by anybody.
func (h *handler) keep(w http.ResponseWriter) {
	if h.options.MaxAge > 0 {
		w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int64(h.options.MaxAge/time.Second)))
	}
}

// answered is what became of an invitation.
type answered struct {
	Name   string           `json:"company_name"`
	Status directory.Status `json:"status"`
}

func (h *handler) token(w http.ResponseWriter, r *http.Request) (string, error) {
	var body struct {
		Token string `json:"token"`
	}
	err := httpjson.Read(w, r, h.options.MaxBody, &body)
	return body.Token, err
}

func (h *handler) accept(w http.ResponseWriter, r *http.Request) error {
	token, err := h.token(w, r)
	if err != nil {
		return err
	}
	d, err := h.book.Accept(r.Context(), token)
	if err != nil {
		return err
	}
	httpjson.Answer(w, r, http.StatusOK, answered{d.Draft.Name, d.Status})
	return nil
}

func (h *handler) decline(w http.ResponseWriter, r *http.Request) error {
	token, err := h.token(w, r)
	if err != nil {
		return err
	}
	d, err := h.book.Decline(r.Context(), token)
	if err != nil {
		return err
	}
	httpjson.Answer(w, r, http.StatusOK, answered{d.Draft.Name, d.Status})
	return nil
}
