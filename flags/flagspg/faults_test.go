package flagspg_test

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
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/internal/pgtest"
)

// seen is an epoch that marks are made for.
var seen = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// work changes what prepare has stored, and may be done twice.
var work = map[string]func(ctx context.Context, s *flagspg.Store, set *flags.Set) error{
	"declare": func(ctx context.Context, _ *flagspg.Store, set *flags.Set) error {
		return set.Declare(ctx, named("beta", "acme"), named("new", "acme"), named("newer"))
	},
	"edit": func(ctx context.Context, _ *flagspg.Store, set *flags.Set) error {
		_, err := set.Edit(ctx, "beta", func(d *flags.Definition) error {
			d.Tenants = map[string]string{"zenith": "on"}
			return nil
		}, "asked")
		return err
	},
	"switch off": func(ctx context.Context, _ *flagspg.Store, set *flags.Set) error {
		_, err := set.SetDisabled(ctx, "beta", true, "broken")
		return err
	},
	"revert": func(ctx context.Context, _ *flagspg.Store, set *flags.Set) error {
		_, err := set.Revert(ctx, "beta", 1, "was better")
		return err
	},
	"delete": func(ctx context.Context, _ *flagspg.Store, set *flags.Set) error {
		err := set.Delete(ctx, "beta", 2, "done")
		if errors.Is(err, flags.ErrUnknownFlag) {
			return nil
		}
		return err
	},
	"mark": func(ctx context.Context, s *flagspg.Store, _ *flags.Set) error {
		return s.Mark(ctx, []flags.Mark{{Flag: "beta", Variant: "on", Seen: seen}, {Flag: "beta", Seen: seen}})
	},
	"erase": func(ctx context.Context, s *flagspg.Store, _ *flags.Set) error {
		_, err := s.Erase(ctx, tenon.Subject{Tenant: "acme"})
		return err
	},
	"erase a person": func(ctx context.Context, s *flagspg.Store, _ *flags.Set) error {
		_, err := s.Erase(ctx, tenon.Subject{Tenant: "acme", User: "ann"})
		return err
	},
}

// prepare stores two versions of a flag.
func prepare(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := database(t)
	ann := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "ann"})
	set := loaded(t, pool)
	d, err := set.Put(ann, named("beta", "acme"), "")
	require.NoError(t, err)
	d.Description = "second"
	_, err = set.Put(ann, d, "")
	require.NoError(t, err)
	return pool
}

var when = regexp.MustCompile(`"at": "[^"]*"`)

// outcome is what is stored and what was told, without times.
func outcome(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	rows := append(dump(t, pool), pgtest.List[string](t, pool, "select 'told ' || key from public.told order by key")...)
	for i, row := range rows {
		rows[i] = when.ReplaceAllString(row, "")
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
				store := flagspg.New(faulty, telling(t, pool))
				set := patient(store)
				faulty.Try(t, func() error { return tryOnce(t.Context(), store, set, do) })
				consistent(t, pool)
				return outcome(t, pool), faulty.Fired()
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

func tryOnce(ctx context.Context, s *flagspg.Store, set *flags.Set, do func(context.Context, *flagspg.Store, *flags.Set) error) error {
	if err := set.Load(ctx); err != nil {
		return err
	}
	return do(ctx, s, set)
}

func TestAChangeIsRecordedExactlyWhenItIsMade(t *testing.T) {
	t.Parallel()
	for _, fault := range pgtest.Faults() {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			pgtest.EveryStep(t, pgtest.Always(fault), func(n int, fault pgtest.Fault) bool {
				pool := database(t)
				faulty := pgtest.NewFaulty(pool, n, fault)
				_, err := flagspg.New(faulty, telling(t, pool)).Write(t.Context(), flags.Write{
					Records: []flags.Record{record(t, named("beta"), 1)}, Changes: []tenon.Change{{Action: "a", Target: "b"}},
				})
				revision := pgtest.One[int64](t, pool, "select revision from tenon.flags_revision")
				require.Equal(t, revision, pgtest.One[int64](t, pool, "select count(*) from public.told"), "step %d: %v", n, err)
				require.Equal(t, revision, pgtest.One[int64](t, pool, "select count(*) from tenon.flag_versions"))
				if !faulty.Fired() {
					require.NoError(t, err)
				}
				return faulty.Fired()
			})
		})
	}
}
