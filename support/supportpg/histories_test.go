package supportpg_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

// scribe writes down what it is told.
type scribe struct{ lines []string }

func (s *scribe) Notify(_ context.Context, n tenon.Notification) error {
	s.lines = append(s.lines, "notified "+asText(n))
	return nil
}

func (s *scribe) RecordChange(_ context.Context, c tenon.Change) error {
	s.lines = append(s.lines, "changed "+asText(c))
	return nil
}

func asText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// stage is a store on which a history is played, and what was said of it.
type stage struct {
	store  support.Store
	scribe *scribe
}

// player makes one history up, act by act, the same for each stage.
type player struct {
	random *rand.Rand
	now    time.Time
}

func (p *player) id() string { return fmt.Sprintf("00000000-0000-7000-8000-%012d", 1+p.random.IntN(3)) }

func (p *player) ref() support.Ref {
	return support.Ref{Tenant: []string{"acme", "zenith"}[p.random.IntN(2)], ID: p.id()}
}

func pick[T any](p *player, of ...T) T { return of[p.random.IntN(len(of))] }

// rules are any: longer or shorter, by the wall or by the hours of an office.
func (p *player) rules(version int64) support.Rules {
	r := support.DefaultRules()
	r.Version = version
	r.Calendars = map[string]support.Hours{"office": {
		Zone: pick(p, "Europe/Berlin", "Australia/Lord_Howe"), Week: support.Weekdays(support.Span{From: support.At(9, 0), To: support.At(17, 30)}),
		Holidays: []support.Holiday{{Name: "spring", From: "2026-03-20"}},
	}}
	for i := range r.Policies {
		r.Policies[i].Calendar, r.Policies[i].WarnAt = "office", pick(p, 0, 50, -1)
		for priority := range r.Policies[i].Targets {
			d := time.Duration(1+p.random.IntN(30)) * time.Hour
			r.Policies[i].Targets[priority] = support.Targets{FirstResponse: d, NextResponse: d, Resolution: 2 * d, Business: d%2 == 0}
		}
		r.Policies[i].Ladders[support.P1] = []support.Step{{Name: "on-call", After: time.Hour}, {Name: "head", After: 5 * time.Hour, Anyway: true}}
	}
	return r
}

// act returns the next act.
func (p *player) act() func(context.Context, support.Store) (any, error) {
	p.now = p.now.Add(time.Duration(p.random.Int64N(int64(6 * time.Hour)))).Truncate(time.Microsecond)
	ref, text := p.ref(), pick(p, "", "a word", "ein Wört…")
	priority, severity := pick(p, support.P1, support.P2, support.P3), pick(p, support.Critical, support.High, support.Low)
	until, rules := p.now.Add(time.Duration(p.random.Int64N(int64(72*time.Hour)))), p.rules(int64(p.random.IntN(4)))
	desk := func(f func(context.Context, *support.Desk) (support.Ticket, error)) func(context.Context, support.Store) (any, error) {
		return func(ctx context.Context, s support.Store) (any, error) { return f(ctx, support.NewDesk(s)) }
	}
	on := func(f func(context.Context, *support.Findings) (support.Finding, error)) func(context.Context, support.Store) (any, error) {
		return func(ctx context.Context, s support.Store) (any, error) { return f(ctx, support.NewFindings(s, nil)) }
	}
	all := []func(context.Context, support.Store) (any, error){
		desk(func(ctx context.Context, d *support.Desk) (support.Ticket, error) {
			return d.Open(ctx, support.NewTicket{Tenant: ref.Tenant, ID: ref.ID, Priority: priority, Issue: "x"})
		}),
		desk(func(ctx context.Context, d *support.Desk) (support.Ticket, error) { return d.Acknowledge(ctx, ref) }),
		desk(func(ctx context.Context, d *support.Desk) (support.Ticket, error) { return d.Reply(ctx, ref, text) }),
		desk(func(ctx context.Context, d *support.Desk) (support.Ticket, error) { return d.Hear(ctx, ref, text) }),
		desk(func(ctx context.Context, d *support.Desk) (support.Ticket, error) { return d.Note(ctx, ref, text) }),
		desk(func(ctx context.Context, d *support.Desk) (support.Ticket, error) { return d.Pend(ctx, ref, text) }),
		desk(func(ctx context.Context, d *support.Desk) (support.Ticket, error) { return d.Resume(ctx, ref) }),
		desk(func(ctx context.Context, d *support.Desk) (support.Ticket, error) { return d.Solve(ctx, ref, text) }),
		desk(func(ctx context.Context, d *support.Desk) (support.Ticket, error) { return d.Reopen(ctx, ref, text) }),
		desk(func(ctx context.Context, d *support.Desk) (support.Ticket, error) { return d.Close(ctx, ref) }),
		desk(func(ctx context.Context, d *support.Desk) (support.Ticket, error) {
			return d.Prioritise(ctx, ref, priority, text)
		}),
		desk(func(ctx context.Context, d *support.Desk) (support.Ticket, error) { return d.Assign(ctx, ref, text) }),
		desk(func(ctx context.Context, d *support.Desk) (support.Ticket, error) { return d.SetPlan(ctx, ref, text) }),
		func(ctx context.Context, s support.Store) (any, error) { return nil, support.NewDesk(s).Tick(ctx, ref) },
		func(ctx context.Context, s support.Store) (any, error) {
			return support.NewDesk(s).SetRules(ctx, rules, text)
		},
		func(ctx context.Context, s support.Store) (any, error) {
			return support.NewDesk(s).Report(ctx, "", begun, until)
		},
		on(func(ctx context.Context, f *support.Findings) (support.Finding, error) {
			return f.Report(ctx, support.NewFinding{Tenant: ref.Tenant, ID: ref.ID, Title: "x", Severity: severity})
		}),
		on(func(ctx context.Context, f *support.Findings) (support.Finding, error) { return f.Fix(ctx, ref, text) }),
		on(func(ctx context.Context, f *support.Findings) (support.Finding, error) {
			return f.Reopen(ctx, ref, text)
		}),
		on(func(ctx context.Context, f *support.Findings) (support.Finding, error) {
			return f.Regrade(ctx, ref, severity, text)
		}),
		on(func(ctx context.Context, f *support.Findings) (support.Finding, error) {
			return f.Accept(ctx, ref, support.Acceptance{Approver: "cto", Reason: text, Until: until})
		}),
		func(ctx context.Context, s support.Store) (any, error) {
			return nil, support.NewFindings(s, nil).Tick(ctx, ref)
		},
		func(ctx context.Context, s support.Store) (any, error) {
			return support.NewFindings(s, nil).KPI(ctx, "", time.Time{})
		},
	}
	return all[p.random.IntN(len(all))]
}

// plays returns everything that can be seen after an act.
func (s stage) plays(ctx context.Context, now time.Time, act func(context.Context, support.Store) (any, error)) []string {
	at := clocked{s.store, now}
	done, err := act(ctx, at)
	seen := append([]string{asText(done), fmt.Sprint(err)}, s.scribe.lines...)
	s.scribe.lines = nil
	tickets, err := support.NewDesk(at).List(ctx, support.TicketQuery{})
	seen = append(seen, fmt.Sprint(err))
	for _, t := range tickets {
		seen = append(seen, asText(t), asText(support.Replay(t.Ref, t.History).State))
	}
	findings, err := support.NewFindings(at, nil).List(ctx, support.FindingQuery{})
	for _, f := range findings {
		seen = append(seen, asText(f))
	}
	return append(seen, fmt.Sprint(err))
}

// timers claims all timers, which are long due by now.
func (s stage) timers(t *testing.T) []string {
	t.Helper()
	var all []string
	for {
		got, err := s.store.Claim(t.Context(), support.Claim{
			Lease: tenon.NewID(time.Now()), For: time.Hour, Kinds: []string{"support.ticket", "support.rules", "support.finding"}, Limit: 1000,
		})
		require.NoError(t, err)
		if len(got.Timers) == 0 {
			return all
		}
		for _, h := range got.Timers {
			all = append(all, asText(h.Timer))
		}
	}
}

func TestRandomHistoriesInMemoryAndInPostgresAreTheSame(t *testing.T) {
	t.Parallel()
	pool := database(t)
	histories, length := 5, 60
	if conform.Soak() {
		histories, length = 200, 200
	}
	ctx := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "ann"})
	for seed := range histories {
		pgtest.Exec(t, pool, "truncate tenon.timers, tenon.ticket_events, tenon.tickets, tenon.findings, tenon.support_rule_versions")
		pgtest.Exec(t, pool, "update tenon.support_rules set version = 0, body = null")
		inMemory, inPostgres := &scribe{}, &scribe{}
		memory := stage{support.NewMemoryStore(&support.MemoryOptions{Notifier: inMemory, Recorder: inMemory}), inMemory}
		postgres := stage{supportpg.New(pool, &supportpg.Options{
			Notifier: func(pgx.Tx) tenon.Notifier { return inPostgres }, Recorder: func(pgx.Tx) tenon.Recorder { return inPostgres },
		}), inPostgres}
		p := &player{random: rand.New(rand.NewPCG(uint64(seed), 7)), now: begun}
		for n := range length {
			act := p.act()
			require.Equal(t, memory.plays(ctx, p.now, act), postgres.plays(ctx, p.now, act), "history %d, act %d", seed, n)
		}
		require.ElementsMatch(t, memory.timers(t), postgres.timers(t), "history %d", seed)
	}
}
