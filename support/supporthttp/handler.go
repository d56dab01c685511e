package supporthttp

import (
	"encoding/json"
	"net/http"

	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/support"
)

// Handler returns a handler for customers:
//
//	POST /support/tickets                {"priority": "P1", "issue": "…"}: 201 with id, sla_hours and created_at
//	GET  /support/tickets                ?before=id&limit=100: {"tickets": […]}, newest first
//	GET  /support/tickets/{id}           with its clocks and what was said
//	POST /support/tickets/{id}/messages  {"text": "…"}: a word to the desk; it reopens a solved ticket
//	POST /support/tickets/{id}/reopen    {"reason": "…"}
//	GET  /tours                          ?feature=rates: {"tour": …}, null when nothing is to be shown
//	POST /tours/{tour}/advance           {"steps": 2, "version": 1}: so many are done
//	POST /tours/{tour}/complete          {"version": 1}
//	POST /tours/{tour}/dismiss           {"version": 1}
//
// A report on a tour is about the version that it names, which the page was handed; without one, about the present one.
// The id, the times and the targets of a ticket are the server's; those that a client sends with a new one are ignored.
// What colleagues note to each other is not shown. Mount it under a prefix with [http.StripPrefix].
//
// It panics when desk or who is nil. With nil tours those pages are 404.
func Handler(desk *support.Desk, tours *support.Tours, who WhoFunc, opts *Options) http.Handler {
	if desk == nil || who == nil {
		panic("supporthttp: nil Desk or WhoFunc")
	}
	h := &handler{desk, tours, who, opts.withDefaults()}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /support/tickets", h.serve(h.open))
	mux.HandleFunc("GET /support/tickets", h.serve(h.list))
	mux.HandleFunc("GET /support/tickets/{id}", h.serve(h.get))
	mux.HandleFunc("POST /support/tickets/{id}/messages", h.serve(h.say))
	mux.HandleFunc("POST /support/tickets/{id}/reopen", h.serve(h.reopen))
	if tours != nil {
		mux.HandleFunc("GET /tours", h.serve(h.tour))
		mux.HandleFunc("POST /tours/{tour}/advance", h.serve(h.advance))
		mux.HandleFunc("POST /tours/{tour}/complete", h.serve(h.complete))
		mux.HandleFunc("POST /tours/{tour}/dismiss", h.serve(h.dismiss))
	}
	return httpjson.Mux(mux)
}

type handler struct {
	desk    *support.Desk
	tours   *support.Tours
	who     WhoFunc
	options Options
}

// page is what somebody who is known may do.
type page func(w http.ResponseWriter, r *http.Request, v support.Viewer) error

// serve finds out who asks before anything else.
func (h *handler) serve(next page) http.HandlerFunc {
	return h.options.failure().Handle(func(w http.ResponseWriter, r *http.Request) error {
		v, err := h.who(r)
		if err := httpjson.Identified(v.Tenant != "", err); err != nil {
			return err
		}
		return told(next(w, r, v))
	})
}

// order opens a ticket. What only the server can say is read and ignored.
type order struct {
	Priority  support.Priority `json:"priority"`
	Issue     string           `json:"issue"`
	ID        json.RawMessage  `json:"id"`
	SLAHours  json.RawMessage  `json:"sla_hours"`
	CreatedAt json.RawMessage  `json:"created_at"`
}

func (h *handler) open(w http.ResponseWriter, r *http.Request, v support.Viewer) error {
	var o order
	if err := httpjson.Read(w, r, h.options.MaxBody, &o); err != nil {
		return err
	}
	plan, err := h.options.Plan(r, v.Tenant)
	if err != nil {
		return err
	}
	t, err := h.desk.Open(r.Context(), support.NewTicket{
		Tenant: v.Tenant, Priority: o.Priority, Issue: o.Issue, Plan: plan, Requester: v.User,
	})
	if err != nil {
		return err
	}
	httpjson.Answer(w, r, http.StatusCreated, ticketOf(t))
	return nil
}

func (h *handler) list(w http.ResponseWriter, r *http.Request, v support.Viewer) error {
	limit, err := httpjson.Number(r, "limit", 100, 1, 1000)
	if err != nil {
		return err
	}
	found, err := h.desk.List(r.Context(), support.TicketQuery{
		Tenant: v.Tenant, Before: r.URL.Query().Get("before"), Limit: int(limit),
	})
	if err != nil {
		return err
	}
	all := []ticket{}
	for _, t := range found {
		all = append(all, ticketOf(t))
	}
	httpjson.Answer(w, r, http.StatusOK, map[string][]ticket{"tickets": all})
	return nil
}

func (h *handler) get(w http.ResponseWriter, r *http.Request, v support.Viewer) error {
	return answer(w, r)(h.desk.Get(r.Context(), ref(r, v)))
}

func (h *handler) say(w http.ResponseWriter, r *http.Request, v support.Viewer) error {
	var body struct {
		Text string `json:"text"`
	}
	if err := httpjson.Read(w, r, h.options.MaxBody, &body); err != nil {
		return err
	}
	return answer(w, r)(h.desk.Hear(r.Context(), ref(r, v), body.Text))
}

func (h *handler) reopen(w http.ResponseWriter, r *http.Request, v support.Viewer) error {
	var body struct {
		Reason string `json:"reason"`
	}
	if err := httpjson.Read(w, r, h.options.MaxBody, &body); err != nil {
		return err
	}
	return answer(w, r)(h.desk.Reopen(r.Context(), ref(r, v), body.Reason))
}

// ref names a ticket of the one who asks, whoever else's it may be.
func ref(r *http.Request, v support.Viewer) support.Ref {
	return support.Ref{Tenant: v.Tenant, ID: r.PathValue("id")}
}

// answer sends a ticket as its customer sees it.
func answer(w http.ResponseWriter, r *http.Request) func(support.Ticket, error) error {
	return func(t support.Ticket, err error) error {
		if err == nil {
			httpjson.Answer(w, r, http.StatusOK, ticketOf(t))
		}
		return err
	}
}
