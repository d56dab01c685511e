package web

import (
	"net/http"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/quoting"
	"github.com/transbotai/tenon/kpi/kpihttp"
)

// kpiRoutes are what companies tell, and what they are told of their own business.
func kpiRoutes() []Route {
	return []Route{
		tell("/api/events", maxEvents, (*Server).eventsAPI),
		ask("/api/kpi/{$}", (*Server).figuresAPI),
		ask("/api/kpi/{name}", (*Server).figuresAPI),
		ask("/api/kpi/{name}/explain", (*Server).figuresAPI),
	}
}

func (s *Server) eventsAPI() http.Handler {
	return kpihttp.Events(s.Insight.Tracker, sourceOf, &kpihttp.Options{Logger: s.Logger, MaxBody: maxEvents})
}

func (s *Server) figuresAPI() http.Handler {
	return http.StripPrefix("/api/kpi", kpihttp.Figures(s.Insight.Board, readerOf, &kpihttp.Options{Logger: s.Logger}))
}

// sourceOf takes the company's API key for its write key.
func sourceOf(r *http.Request) (kpihttp.Source, error) {
	c, _ := tenon.CallerFrom(r.Context())
	return kpihttp.Source{Tenant: c.Tenant, User: c.Actor}, nil
}

// readerOf shows a company its own figures.
func readerOf(r *http.Request) (kpihttp.Reader, error) {
	return kpihttp.Reader{Tenant: company(r)}, nil
}

// steps are what may be asked of a quote, by the word for it, and the status that it leads to.
var steps = map[string]string{"send": "sent", "accept": "accepted", "book": "booked"}

// moveQuote sends, accepts or books a quote: POST /api/quotes/{id}/send with {"recipients": 2}, …/accept and …/book
// with {}.
func (s *Server) moveQuote(w http.ResponseWriter, r *http.Request) {
	step := quoting.Step{Company: company(r), Quote: r.PathValue("id"), To: steps[r.PathValue("step")]}
	if step.To == "" || !quoteID.MatchString(step.Quote) {
		s.fail(w, r, tenon.ErrNotFound)
		return
	}
	var body struct {
		Recipients int `json:"recipients"`
	}
	if !receive(w, r, maxBody, &body) {
		return
	}
	step.Recipients = body.Recipients
	q, err := s.desk.Move(r.Context(), step)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	send(w, http.StatusOK, showQuote(q))
}
