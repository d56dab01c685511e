package supporthttp

import (
	"net/http"
	"time"

	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/support"
)

// Staff returns a handler for those who answer customers:
//
//	GET  /support/tickets                ?tenant=&state=open&before=id&limit=100: {"tickets": […]}, newest first
//	GET  /support/tickets/{id}           ?tenant=acme: with its whole history
//	POST /support/tickets/{id}/{action}  ?tenant=acme: acknowledge, reply, hear, note, pend, resume, solve, reopen,
//	                                     close, prioritise, plan, assign; see [Move] for what they take
//	GET  /support/sla                    ?tenant=&from=&to=: how promises were kept to tickets opened between two instants
//	GET  /support/rules
//	PUT  /support/rules                  {"rules": {…}, "reason": "…"}, made from those of the same version
//	GET  /findings                       ?tenant=&state=open&before=id&limit=100: {"findings": […]}
//	GET  /findings/kpi                   ?tenant=&since=: from finding to fix
//	POST /findings                       {"severity": "high", "title": "…", …}: 201
//	GET  /findings/{id}                  ?tenant=
//	POST /findings/{id}/{action}         ?tenant=: fix, accept, reopen, regrade; see [Move]
//
// Without a tenant, lists and reports are of all tenants, and a finding is in the host's own system. Authorize is asked
// before anything is looked up or read; what is changed is recorded under the [tenon.Caller] in the request's context,
// which the host's authentication has put there. Mount it under a prefix with [http.StripPrefix].
//
// It panics when desk, findings or authorize is nil.
func Staff(desk *support.Desk, findings *support.Findings, authorize AuthorizeFunc, opts *Options) http.Handler {
	if desk == nil || findings == nil || authorize == nil {
		panic("supporthttp: nil Desk, Findings or AuthorizeFunc")
	}
	s := &staff{desk, findings, authorize, opts.withDefaults()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /support/tickets", s.serve(Read, s.listTickets))
	mux.HandleFunc("GET /support/tickets/{id}", s.serve(Read, s.getTicket))
	mux.HandleFunc("POST /support/tickets/{id}/{action}", s.serve(Work, s.moveTicket))
	mux.HandleFunc("GET /support/sla", s.serve(Read, s.report))
	mux.HandleFunc("GET /support/rules", s.serve(Read, s.getRules))
	mux.HandleFunc("PUT /support/rules", s.serve(Rule, s.putRules))
	mux.HandleFunc("GET /findings", s.serve(Read, s.listFindings))
	mux.HandleFunc("GET /findings/kpi", s.serve(Read, s.findingKPI))
	mux.HandleFunc("POST /findings", s.serve(Work, s.reportFinding))
	mux.HandleFunc("GET /findings/{id}", s.serve(Read, s.getFinding))
	mux.HandleFunc("POST /findings/{id}/accept", s.serve(Waive, s.acceptFinding))
	mux.HandleFunc("POST /findings/{id}/{action}", s.serve(Work, s.moveFinding))
	return httpjson.Mux(mux)
}

type staff struct {
	desk      *support.Desk
	findings  *support.Findings
	authorize AuthorizeFunc
	options   Options
}

// serve asks whether they may before anything else.
func (s *staff) serve(action Action, next func(w http.ResponseWriter, r *http.Request, tenant string) error) http.HandlerFunc {
	return s.options.failure().Handle(func(w http.ResponseWriter, r *http.Request) error {
		tenant := r.URL.Query().Get("tenant")
		if err := httpjson.Authorized(s.authorize(r, action, tenant)); err != nil {
			return err
		}
		return told(next(w, r, tenant))
	})
}

func (s *staff) listTickets(w http.ResponseWriter, r *http.Request, tenant string) error {
	limit, err := httpjson.Number(r, "limit", 100, 1, 1000)
	if err != nil {
		return err
	}
	q := support.TicketQuery{Tenant: tenant, Before: r.URL.Query().Get("before"), Limit: int(limit)}
	for _, state := range r.URL.Query()["state"] {
		q.States = append(q.States, support.State(state))
	}
	found, err := s.desk.List(r.Context(), q)
	if err == nil {
		httpjson.Answer(w, r, http.StatusOK, map[string][]support.Ticket{"tickets": append([]support.Ticket{}, found...)})
	}
	return err
}

func (s *staff) getTicket(w http.ResponseWriter, r *http.Request, tenant string) error {
	return whole(w, r)(s.desk.Get(r.Context(), support.Ref{Tenant: tenant, ID: r.PathValue("id")}))
}

// whole sends a ticket as the staff sees it.
func whole(w http.ResponseWriter, r *http.Request) func(support.Ticket, error) error {
	return func(t support.Ticket, err error) error {
		if err == nil {
			httpjson.Answer(w, r, http.StatusOK, t)
		}
		return err
	}
}

// lastMonth is what a report covers that is asked for no time.
const lastMonth = 30 * 24 * time.Hour

func (s *staff) report(w http.ResponseWriter, r *http.Request, tenant string) error {
	to, err := instant(r, "to", time.Now())
	if err != nil {
		return err
	}
	from, err := instant(r, "from", to.Add(-lastMonth))
	if err != nil {
		return err
	}
	report, err := s.desk.Report(r.Context(), tenant, from, to)
	if err == nil {
		httpjson.Answer(w, r, http.StatusOK, report)
	}
	return err
}

func (s *staff) getRules(w http.ResponseWriter, r *http.Request, _ string) error {
	rules, err := s.desk.Rules(r.Context())
	if err == nil {
		httpjson.Answer(w, r, http.StatusOK, rules)
	}
	return err
}

func (s *staff) putRules(w http.ResponseWriter, r *http.Request, _ string) error {
	var body struct {
		Rules  support.Rules `json:"rules"`
		Reason string        `json:"reason"`
	}
	if err := httpjson.Read(w, r, s.options.MaxBody, &body); err != nil {
		return err
	}
	rules, err := s.desk.SetRules(r.Context(), body.Rules, body.Reason)
	if err == nil {
		httpjson.Answer(w, r, http.StatusOK, rules)
	}
	return err
}
