package supportpg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

// clocked gives a store a time of the test's.
type clocked struct {
	support.Store
	now time.Time
}

func (c clocked) Clock(context.Context) (time.Time, error) { return c.now, nil }

const (
	wholeSQL = `
select string_agg(line, E'\n' order by line)
from (
  select 'ticket ' || to_jsonb(t)::text from tenon.tickets t
  union all
  select 'event ' || to_jsonb(t)::text from tenon.ticket_events t
  union all
  select 'finding ' || to_jsonb(t)::text from tenon.findings t
  union all
  select 'tour ' || to_jsonb(t)::text from tenon.tour_progress t
  union all
  select 'rules ' || to_jsonb(t)::text from tenon.support_rules t
  union all
  select 'version ' || (to_jsonb(t) - 'at')::text from tenon.support_rule_versions t
  union all
  select 'told ' || key from public.told
  union all
  select format('timer %s/%s %s %s %s %s %s %s %s %s', tenant_id, key, kind, payload, at, ready_at > at, attempts, lease,
    last_error, dead_at is not null)
  from tenon.timers
  where not cancelled) as all_of_it(line)`

	emptySQL = `
truncate public.told, tenon.timers, tenon.ticket_events, tenon.tickets, tenon.findings, tenon.tour_progress,
  tenon.support_rule_versions;
update tenon.support_rules
set version = 0, body = null`
)

const firstID, secondID = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"

var (
	begun   = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	ticket  = support.Ref{Tenant: "acme", ID: firstID}
	finding = support.Ref{Tenant: "acme", ID: secondID}
	lease   = "00000000-0000-7000-8000-00000000000a"
)

// act is something to be done at a time after what is there.
type act struct {
	after time.Duration
	do    func(ctx context.Context, s support.Store) error
}

func onFinding(f func(ctx context.Context, f *support.Findings) (support.Finding, error)) func(context.Context, support.Store) error {
	return func(ctx context.Context, s support.Store) error {
		_, err := f(ctx, support.NewFindings(s, nil))
		return err
	}
}

var acts = map[string]act{
	"report": {0, onFinding(func(ctx context.Context, f *support.Findings) (support.Finding, error) {
		return f.Report(ctx, support.NewFinding{Tenant: "zenith", ID: firstID, Title: "x", Severity: support.High})
	})},
	"accept": {0, onFinding(func(ctx context.Context, f *support.Findings) (support.Finding, error) {
		return f.Accept(ctx, finding, support.Acceptance{Approver: "cto", Reason: "x", Until: begun.Add(time.Hour)})
	})},
	"regrade": {0, onFinding(func(ctx context.Context, f *support.Findings) (support.Finding, error) {
		return f.Regrade(ctx, finding, support.Low, "x")
	})},
	"fix": {0, onFinding(func(ctx context.Context, f *support.Findings) (support.Finding, error) {
		return f.Fix(ctx, finding, "x")
	})},
	"a late finding": {10 * 24 * time.Hour, func(ctx context.Context, s support.Store) error {
		return support.NewFindings(s, nil).Tick(ctx, finding)
	}},
	"a late ticket": {5 * time.Hour, func(ctx context.Context, s support.Store) error {
		return support.NewDesk(s).Tick(ctx, ticket)
	}},
	"rules": {0, func(ctx context.Context, s support.Store) error {
		_, err := support.NewDesk(s).SetRules(ctx, support.DefaultRules(), "x")
		return err
	}},
	"a failure": {0, func(ctx context.Context, s support.Store) error {
		return s.Fail(ctx, lease, []support.Failure{held("a failure"), held("a death")})
	}},
	"a step of a tour": {0, func(ctx context.Context, s support.Store) error {
		_, err := s.KeepProgress(ctx, support.Progress{
			Viewer: support.Viewer{Tenant: "acme", User: "bob"}, Tour: "b", Version: 1, Step: 1, At: begun,
		})
		return err
	}},
	"the erasure of a company": {0, erase(tenon.Subject{Tenant: "acme"})},
	"the erasure of a person":  {0, erase(tenon.Subject{Tenant: "acme", User: "bob"})},
}

func erase(subject tenon.Subject) func(context.Context, support.Store) error {
	return func(ctx context.Context, s support.Store) error {
		_, err := s.(clocked).Store.(*supportpg.Store).Erase(ctx, subject)
		return err
	}
}

// places are those of the claimed timers, which are others each time.
var places = map[string]string{}

func held(key string) support.Failure {
	h := support.Held{Timer: support.Timer{TimerRef: support.TimerRef{Tenant: "acme", Key: key}}, Place: places[key]}
	return support.Failure{Held: h, Reason: "no", After: time.Hour, Dead: key == "a death"}
}

// prepare makes a ticket, a finding, a tour and two timers that are worked on.
func prepare(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	pgtest.Exec(t, pool, emptySQL)
	ctx := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "bob"})
	store := supportpg.New(pool, telling)
	at := clocked{store, begun}
	_, err := support.NewDesk(at).Open(ctx, support.NewTicket{Tenant: "acme", ID: ticket.ID, Priority: support.P1, Issue: "x"})
	require.NoError(t, err)
	_, err = support.NewFindings(at, nil).Report(ctx, support.NewFinding{
		Tenant: "acme", ID: finding.ID, Title: "x", Severity: support.Critical,
	})
	require.NoError(t, err)
	_, err = store.KeepProgress(ctx, support.Progress{
		Viewer: support.Viewer{Tenant: "acme", User: "bob"}, Tour: "a", Version: 1, Step: 1, At: begun,
	})
	require.NoError(t, err)
	for _, key := range []string{"a failure", "a death"} {
		timer := support.Timer{TimerRef: support.TimerRef{Tenant: "acme", Key: key}, At: begun, Kind: "x"}
		require.NoError(t, store.Schedule(ctx, []support.Timer{timer}))
	}
	got, err := store.Claim(ctx, support.Claim{Lease: lease, For: time.Hour, Kinds: []string{"x"}, Limit: 9})
	require.NoError(t, err)
	require.Len(t, got.Timers, 2)
	for _, h := range got.Timers {
		places[h.Key] = h.Place
	}
}

// A write is there as a whole or not at all, whatever breaks; and what is not there can be done again.
func TestEveryWriteIsAllOrNothingAtEveryStatement(t *testing.T) { //nolint:paralleltest // places are shared
	pool := database(t)
	pgtest.Tell(t, pool)
	for name, a := range acts {
		t.Run(name, func(t *testing.T) {
			tryEveryStatement(t, pool, a, pgtest.InTurn(len(name)))
		})
	}
}

func tryEveryStatement(t *testing.T, pool *pgxpool.Pool, a act, faults func(n int) []pgtest.Fault) {
	t.Helper()
	do := func(db supportpg.DB) error {
		return a.do(t.Context(), clocked{supportpg.New(db, telling), begun.Add(a.after)})
	}
	prepare(t, pool)
	before := pgtest.One[string](t, pool, wholeSQL)
	require.NoError(t, do(pool))
	after := pgtest.One[string](t, pool, wholeSQL)
	require.NotEqual(t, before, after)
	pgtest.EveryStep(t, faults, func(n int, fault pgtest.Fault) bool {
		prepare(t, pool)
		faulty := pgtest.NewFaulty(pool, n, fault)
		err := do(faulty)
		whole := pgtest.One[string](t, pool, wholeSQL)
		if err != nil && whole == before {
			require.True(t, faulty.Fired(), "%v", err)
			require.NoError(t, do(pool))
			whole = pgtest.One[string](t, pool, wholeSQL)
		}
		require.Equal(t, after, whole, "%s at step %d: %v", fault, n, err)
		if !faulty.Fired() {
			require.NoError(t, err)
		}
		return faulty.Fired()
	})
}

func TestWorkThatFailsAtAnyStatementAndIsTriedAgainEndsAsIfNothingHadFailed(t *testing.T) {
	t.Parallel()
	for _, fault := range pgtest.Faults() {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			pool := database(t)
			pgtest.Exec(t, pool, "create table public.fired (key text not null)")
			pgtest.EveryStep(t, pgtest.Always(fault), func(n int, fault pgtest.Fault) bool {
				return worksOnceThrough(t, pool, pgtest.NewFaulty(pool, n, fault), n)
			})
		})
	}
}

// worksOnceThrough opens a ticket and fires a timer over a database with a fault, again and again until it is done, and
// says whether the fault came.
func worksOnceThrough(t *testing.T, pool *pgxpool.Pool, faulty *pgtest.Faulty, n int) bool {
	t.Helper()
	pgtest.Exec(t, pool, "truncate public.fired, tenon.timers, tenon.ticket_events, tenon.tickets")
	store := supportpg.New(faulty, nil)
	desk := support.NewDesk(store)
	id := tenon.NewID(time.Now())
	faulty.Try(t, func() error {
		_, err := desk.Open(t.Context(), support.NewTicket{Tenant: "acme", ID: id, Priority: support.P1, Issue: "x"})
		return err
	})
	faulty.Try(t, func() error {
		_, err := desk.Acknowledge(t.Context(), support.Ref{Tenant: "acme", ID: id})
		return err
	})
	timer := support.Timer{TimerRef: support.TimerRef{Tenant: "acme", Key: "7"}, At: tenon.Instant(time.Now().Add(-time.Hour)), Kind: "one"}
	faulty.Try(t, func() error { return store.Schedule(t.Context(), []support.Timer{timer}) })
	faulty.Try(t, func() error {
		lease := tenon.NewID(time.Now())
		got, err := store.Claim(t.Context(), support.Claim{Lease: lease, Kinds: []string{"one"}, Limit: 10})
		if err != nil || len(got.Timers) == 0 {
			return err
		}
		return store.Work(t.Context(), lease, got.Timers, func(ctx context.Context, s support.Store) error {
			tx, _ := supportpg.Tx(s)
			_, err := tx.Exec(ctx, "insert into public.fired values ($1)", got.Timers[0].Key)
			return err
		})
	})
	require.Equal(t, 1, pgtest.One[int](t, pool, "select count(*) from public.fired"), "step %d", n)
	require.Equal(t, 2, pgtest.One[int](t, pool, "select count(*) from tenon.ticket_events"), "step %d", n)
	require.Equal(t, 1, left(t, pool), "step %d: the ticket's", n)
	return faulty.Fired()
}
