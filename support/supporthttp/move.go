package supporthttp

import (
	"context"
	"net/http"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/support"
)

// Move is the body of an action. An action reads what it needs of it.
type Move struct {
	Text     string           `json:"text"`     // reply, hear, note, solve; fix: how
	Reason   string           `json:"reason"`   // pend, reopen, prioritise, accept, regrade
	Priority support.Priority `json:"priority"` // prioritise
	Plan     string           `json:"plan"`     // plan
	Assignee string           `json:"assignee"` // assign; empty is nobody
	Severity support.Severity `json:"severity"` // regrade
	Approver string           `json:"approver"` // accept: who answers for the risk
	Until    time.Time        `json:"until"`    // accept
}

// ticketMoves are the actions on a ticket.
var ticketMoves = map[string]func(*support.Desk, context.Context, support.Ref, Move) (support.Ticket, error){
	"acknowledge": func(d *support.Desk, ctx context.Context, ref support.Ref, _ Move) (support.Ticket, error) {
		return d.Acknowledge(ctx, ref)
	},
	"reply": func(d *support.Desk, ctx context.Context, ref support.Ref, m Move) (support.Ticket, error) {
		return d.Reply(ctx, ref, m.Text)
	},
	"hear": func(d *support.Desk, ctx context.Context, ref support.Ref, m Move) (support.Ticket, error) {
		return d.Hear(ctx, ref, m.Text)
	},
	"note": func(d *support.Desk, ctx context.Context, ref support.Ref, m Move) (support.Ticket, error) {
		return d.Note(ctx, ref, m.Text)
	},
	"pend": func(d *support.Desk, ctx context.Context, ref support.Ref, m Move) (support.Ticket, error) {
		return d.Pend(ctx, ref, m.Reason)
	},
	"resume": func(d *support.Desk, ctx context.Context, ref support.Ref, _ Move) (support.Ticket, error) {
		return d.Resume(ctx, ref)
	},
	"solve": func(d *support.Desk, ctx context.Context, ref support.Ref, m Move) (support.Ticket, error) {
		return d.Solve(ctx, ref, m.Text)
	},
	"reopen": func(d *support.Desk, ctx context.Context, ref support.Ref, m Move) (support.Ticket, error) {
		return d.Reopen(ctx, ref, m.Reason)
	},
	"close": func(d *support.Desk, ctx context.Context, ref support.Ref, _ Move) (support.Ticket, error) {
		return d.Close(ctx, ref)
	},
	"prioritise": func(d *support.Desk, ctx context.Context, ref support.Ref, m Move) (support.Ticket, error) {
		return d.Prioritise(ctx, ref, m.Priority, m.Reason)
	},
	"plan": func(d *support.Desk, ctx context.Context, ref support.Ref, m Move) (support.Ticket, error) {
		return d.SetPlan(ctx, ref, m.Plan)
	},
	"assign": func(d *support.Desk, ctx context.Context, ref support.Ref, m Move) (support.Ticket, error) {
		return d.Assign(ctx, ref, m.Assignee)
	},
}

// read reads the body of an action and the reference that it is about.
func (s *staff) read(w http.ResponseWriter, r *http.Request, tenant string) (support.Ref, Move, error) {
	var m Move
	err := httpjson.Read(w, r, s.options.MaxBody, &m)
	return support.Ref{Tenant: tenant, ID: r.PathValue("id")}, m, err
}

func (s *staff) moveTicket(w http.ResponseWriter, r *http.Request, tenant string) error {
	move, ok := ticketMoves[r.PathValue("action")]
	if !ok {
		return httpjson.NoPage
	}
	ref, m, err := s.read(w, r, tenant)
	if err != nil {
		return err
	}
	return whole(w, r)(move(s.desk, r.Context(), ref, m))
}

func (s *staff) moveFinding(w http.ResponseWriter, r *http.Request, tenant string) error {
	moves := map[string]func(context.Context, support.Ref, Move) (support.Finding, error){
		"fix": func(ctx context.Context, ref support.Ref, m Move) (support.Finding, error) {
			return s.findings.Fix(ctx, ref, m.Text)
		},
		"reopen": func(ctx context.Context, ref support.Ref, m Move) (support.Finding, error) {
			return s.findings.Reopen(ctx, ref, m.Reason)
		},
		"regrade": func(ctx context.Context, ref support.Ref, m Move) (support.Finding, error) {
			return s.findings.Regrade(ctx, ref, m.Severity, m.Reason)
		},
	}
	move, ok := moves[r.PathValue("action")]
	if !ok {
		return httpjson.NoPage
	}
	ref, m, err := s.read(w, r, tenant)
	if err != nil {
		return err
	}
	return found(w, r, http.StatusOK)(move(r.Context(), ref, m))
}

func (s *staff) acceptFinding(w http.ResponseWriter, r *http.Request, tenant string) error {
	ref, m, err := s.read(w, r, tenant)
	if err != nil {
		return err
	}
	a := support.Acceptance{Approver: m.Approver, Until: m.Until, Reason: m.Reason}
	return found(w, r, http.StatusOK)(s.findings.Accept(r.Context(), ref, a))
}

// instant reads a query parameter that is an instant of RFC 3339; other where it is missing.
func instant(r *http.Request, name string, other time.Time) (time.Time, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return other, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, tenon.Invalid(name, "is not an instant of RFC 3339")
	}
	return t, nil
}
