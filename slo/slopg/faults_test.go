package slopg_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
)

func outboxes(tables map[string]slopg.Table) *slopg.Options {
	return &slopg.Options{Tables: tables, Notifier: pgtest.Notifier, Recorder: pgtest.Recorder}
}

// endSQL is the end state, in words that do not depend on ids.
const endSQL = `
select 'target ' || name || ' ' || version from tenon.slo_targets
union all select 'version ' || name || ' ' || version from tenon.slo_target_versions
union all select 'rollup ' || objective || ' ' || minute || ' ' || good || ' ' || valid || ' ' || closed from tenon.slo_rollups
union all select 'sketch ' || objective || ' ' || minute || ' ' || encode(cells, 'hex') from tenon.slo_sketches
union all select 'episode ' || name || ' ' || alert || ' ' || (resolved_at is null) from tenon.slo_episodes
union all select 'override ' || (body ->> 'reason') || ' ' || (ended_at is null) from tenon.slo_overrides
union all select 'exclusion ' || (body ->> 'reason') from tenon.slo_exclusions
union all select 'frozen ' || (frozen ->> 'frozen') from tenon.slo_state
union all select 'source ' || objective || ' ' || folded_at from tenon.slo_sources
union all select 'told ' || coalesce(body ->> 'action', concat_ws(' ', body ->> 'kind', body #>> '{data,alert}', body #>> '{data,state}'))
  from public.told
order by 1`

// works are everything that writes, in the order in which it is done. Each is idempotent, so that it may be tried again.
var works = []struct {
	name string
	do   func(ctx context.Context, s *slopg.Store, now time.Time) error
}{
	{"define", func(ctx context.Context, s *slopg.Store, now time.Time) error {
		_, err := board(s, now.Add(-48*time.Hour)).Define(ctx, uptime(), latency())
		return err
	}},
	{"record", func(ctx context.Context, s *slopg.Store, now time.Time) error {
		m := slo.Minute{
			Key: latency().Key, Measure: latency().Measure(), At: now.Add(-time.Hour).Truncate(time.Minute), Instance: "one",
			Good: 1, Valid: 2, Sketch: slo.Sketch{}.Observe(time.Second), Closed: true,
		}
		return s.Record(ctx, []slo.Minute{m})
	}},
	{"fold", func(ctx context.Context, s *slopg.Store, now time.Time) error { return s.Fold(ctx, now) }},
	{"evaluate", func(ctx context.Context, s *slopg.Store, now time.Time) error {
		_, err := board(s, now).Evaluate(ctx)
		return err
	}},
	{"resolve", func(ctx context.Context, s *slopg.Store, now time.Time) error {
		if err := board(s, now).Retire(ctx, uptime().Key, ""); err != nil && !errors.Is(err, slo.ErrUnknownObjective) {
			return err
		}
		return nil
	}},
	{"erase", func(ctx context.Context, s *slopg.Store, _ time.Time) error {
		_, err := s.Erase(ctx, tenon.Subject{Tenant: "acme"})
		return err
	}},
}

func board(s slo.Store, now time.Time) *slo.Board {
	return slo.NewBoard(at{s, now}, &slo.Options{Timeout: time.Minute})
}

// play does all works with the n-th statement of one of them going wrong, each again until it succeeds.
func play(t *testing.T, work, n int, fault pgtest.Fault) (end []string, fired bool) {
	t.Helper()
	pool := hosted(t)
	pgtest.Tell(t, pool)
	now := time.Date(2026, 3, 10, 12, 0, 30, 0, time.UTC)
	for i := range 200 {
		insert(t, pool, event{at: now.Add(-time.Duration(i) * time.Second), status: 200 + 300*(i%2), took: float64(i * 5)})
	}
	for i, w := range works {
		step := 0
		if i == work {
			step = n
		}
		faulty := pgtest.NewFaulty(pool, step, fault)
		store := slopg.New(faulty, outboxes(tables))
		faulty.Try(t, func() error { return w.do(t.Context(), store, now) })
		fired = fired || faulty.Fired()
	}
	return pgtest.List[string](t, pool, endSQL), fired
}

func TestWorkThatFailsAtAnyStatementAndIsTriedAgainEndsAsIfNothingHadFailed(t *testing.T) {
	t.Parallel()
	want, _ := play(t, -1, 0, pgtest.Fail)
	require.Contains(t, want, "told slo.freeze")
	require.Contains(t, want, "told slo.alert budget opened")
	for i, w := range works {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			pgtest.EveryStep(t, pgtest.InTurn(i), func(n int, fault pgtest.Fault) bool {
				got, fired := play(t, i, n, fault)
				require.Equal(t, want, got, "%s at step %d", fault, n)
				return fired
			})
		})
	}
}

func TestAStoreThatIsAwaySaysSo(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "host="+t.TempDir()+" user=nobody")
	require.NoError(t, err)
	defer pool.Close()
	store := slopg.New(pool, nil)
	_, err = slo.NewReleasePolicy(slo.NewBoard(store, nil)).Guard(t.Context())
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	require.ErrorIs(t, store.Record(t.Context(), []slo.Minute{{
		Key: slo.Key{Name: "a"}, Measure: "b", At: time.Unix(0, 0).UTC(), Instance: "c",
	}}), tenon.ErrUnavailable)
}

func TestADatabaseWithoutTheSchemaSaysWhatToDo(t *testing.T) {
	t.Parallel()
	const remedy = "call migrations.Apply with migrations.SLO"
	store := slopg.New(pgtest.Pool(t), nil)
	_, err := store.Load(t.Context())
	require.ErrorContains(t, err, remedy)
	var errs []error
	for _, err := range store.Export(t.Context(), tenon.Subject{Tenant: "acme"}) {
		errs = append(errs, err)
	}
	require.Len(t, errs, 1, "an export ends where it fails")
	require.ErrorContains(t, errs[0], remedy)
}
