package kpipg_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
)

// when is the time of what is tracked beforehand, in every run the same.
var when = time.Now().UTC().Truncate(time.Hour)

func dated(e kpi.Event) kpi.Event {
	e.At = when
	return e
}

// work changes what prepare has stored, and may be done twice.
var work = map[string]func(ctx context.Context, s *kpipg.Store) error{
	"track": func(ctx context.Context, s *kpipg.Store) error {
		_, err := patient(s).Track(ctx, dated(sent("acme", "1")), dated(sent("acme", "7")), dated(accepted("zenith", "7")))
		return err
	},
	"correct": func(ctx context.Context, s *kpipg.Store) error {
		e := dated(sent("acme", "1"))
		e.At = e.At.Add(-time.Hour)
		_, err := patient(s).Correct(ctx, e)
		return err
	},
	"retract": func(ctx context.Context, s *kpipg.Store) error {
		err := patient(s).Retract(ctx, kpi.Ref{Tenant: "acme", Key: "accepted/1"})
		if errors.Is(err, kpi.ErrUnknownEvent) {
			return nil // it was done the first time
		}
		return err
	},
	"fold":    func(ctx context.Context, s *kpipg.Store) error { return s.Fold(ctx) },
	"rebuild": func(ctx context.Context, s *kpipg.Store) error { return s.Rebuild(ctx) },
	"define": func(ctx context.Context, s *kpipg.Store) error {
		return board(s).Define(ctx, kpi.KPI{Name: "more", Count: &kpi.Count{Of: kpi.On("quote_accepted")}})
	},
	"erase": func(ctx context.Context, s *kpipg.Store) error {
		_, err := s.Erase(ctx, tenon.Subject{Tenant: "acme"})
		return err
	},
	"erase a person": func(ctx context.Context, s *kpipg.Store) error {
		_, err := s.Erase(ctx, tenon.Subject{Tenant: "acme", User: "ann"})
		return err
	},
}

// prepare stores events of which half are folded.
func prepare(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := database(t)
	define(t, pool)
	track(t, pool, dated(sent("acme", "1")), dated(accepted("acme", "1")), dated(sent("zenith", "1")))
	fold(t, pool)
	track(t, pool, dated(sent("acme", "2")), dated(accepted("zenith", "1")))
	return pool
}

const outcomeSQL = `
select concat_ws(' ', tenant_id, event_name, user_id, occurred_at, properties) from tenon.events
union all select concat_ws(' ', 'key', tenant_id, key, latest is null, latest = '00000000-0000-0000-0000-000000000000') from tenon.event_keys
union all select concat_ws(' ', 'kpi', name) from tenon.kpis
order by 1`

var nobody = regexp.MustCompile(`erased-[A-Z0-9]+`)

// outcome is what is stored and what is counted of it, without ids.
func outcome(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	rows := pgtest.List[string](t, pool, outcomeSQL)
	for i, row := range rows {
		rows[i] = nobody.ReplaceAllString(row, "nobody")
	}
	for _, name := range []string{"quote_book", "amount"} {
		rows = append(rows, name+" "+figure(t, pool, name, ""))
	}
	slices.Sort(rows)
	return rows
}

func TestWorkThatFailsAtAnyStatementAndIsTriedAgainEndsAsIfNothingHadFailed(t *testing.T) {
	t.Parallel()
	for name, do := range work {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := func(n int, fault pgtest.Fault) ([]string, bool) {
				pool := prepare(t)
				faulty := pgtest.NewFaulty(pool, n, fault)
				store := kpipg.New(faulty, nil)
				faulty.Try(t, func() error { return do(t.Context(), store) })
				consistent(t, pool)
				got := outcome(t, pool)
				fold(t, pool)
				require.Equal(t, got, outcome(t, pool), "folded or not")
				consistent(t, pool)
				return got, faulty.Fired()
			}
			want, _ := run(0, pgtest.Fail)
			pgtest.EveryStep(t, pgtest.InTurn(len(name)), func(n int, fault pgtest.Fault) bool {
				got, fired := run(n, fault)
				require.Equal(t, want, got, "%s at step %d", fault, n)
				return fired
			})
		})
	}
}
