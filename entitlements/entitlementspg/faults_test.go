package entitlementspg_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgtest"
)

// run does the work with the n-th statement going wrong, and returns what it came to; false when there is no n-th.
func (w work) run(t *testing.T, pool *pgxpool.Pool, opts *entitlementspg.Options, at time.Time, n int, fault pgtest.Fault) (rows []string, fired bool) {
	t.Helper()
	s := newStage(t, entitlementspg.New(pool, opts), at)
	if w.prepare != nil {
		w.prepare(s)
	}
	var edit entitlements.Edit
	if w.edit != nil {
		edit = w.edit(s)
	}
	faulty := pgtest.NewFaulty(pool, n, fault)
	by := entitlementspg.New(faulty, opts)
	faulty.Try(t, func() error { return w.try(t.Context(), s, by, edit) })
	drifts, err := s.store.Reconcile(t.Context(), s.tenant, false)
	require.NoError(t, err)
	require.Empty(t, drifts)
	for _, key := range pgtest.List[string](t, pool, "select key from public.told where tenant = $1 and body ? 'kind' order by key", s.tenant) {
		rows = append(rows, "told "+key)
	}
	rows = append(rows, dump(t, pool, s.tenant)...)
	return normal(s.tenant, rows), faulty.Fired()
}

func TestWorkThatFailsAtAnyStatementAndIsTriedAgainEndsAsIfNothingHadFailed(t *testing.T) {
	t.Parallel()
	pool := database(t)
	opts := telling(t, pool)
	at := now()
	for i, w := range allWork {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			want, _ := w.run(t, pool, opts, at, 0, pgtest.Fail)
			pgtest.EveryStep(t, pgtest.InTurn(i), func(n int, fault pgtest.Fault) bool {
				got, fired := w.run(t, pool, opts, at, n, fault)
				require.Equal(t, want, got, "%s at step %d", fault, n)
				return fired
			})
		})
	}
}

// changesSQL counts a tenant's recorded changes beside its revision.
const changesSQL = `
select (select count(*) from public.told where tenant = e.tenant_id and not body ? 'kind') = e.revision
from tenon.org_entitlements e
where tenant_id = $1`

func TestAChangeIsRecordedExactlyWhenItIsMade(t *testing.T) {
	t.Parallel()
	pool := database(t)
	opts := telling(t, pool)
	pgtest.EveryStep(t, pgtest.Always(pgtest.Faults()...), func(n int, fault pgtest.Fault) bool {
		s := newStage(t, entitlementspg.New(pool, opts), now())
		faulty := pgtest.NewFaulty(pool, n, fault)
		_, err := entitlementspg.New(faulty, opts).Change(t.Context(), s.tenant, s.at, subscribed("top", s.at))
		require.True(t, pgtest.One[bool](t, pool, changesSQL, s.tenant), "%s at step %d: %v", fault, n, err)
		return faulty.Fired()
	})
}

const catalogSQL = `
select 'feature ' || f::text from tenon.features f
union all select 'plan ' || p::text from tenon.plans p
union all select 'version ' || plan_id || version from tenon.plan_versions
union all select 'grants ' || p::text from tenon.plan_features p
union all select 'addon ' || a::text from tenon.addons a
union all select 'addon version ' || addon_id || version from tenon.addon_versions
union all select 'told ' || key from public.told
order by 1`

func TestADeclarationThatFailsAtAnyStatementAndIsTriedAgainIsMadeOnce(t *testing.T) {
	t.Parallel()
	next := catalog()
	next.Plans[0].Features = map[string]entitlements.Allowance{calls: monthly(entitlements.Limit{Hard: 9})}
	next.Features = append(next.Features, entitlements.Feature{Key: "more", Kind: entitlements.Boolean})
	run := func(t *testing.T, n int, fault pgtest.Fault) ([]string, bool) {
		pool := database(t)
		opts := telling(t, pool)
		faulty := pgtest.NewFaulty(pool, n, fault)
		s := entitlementspg.New(faulty, opts)
		faulty.Try(t, func() error {
			_, err := s.Declare(t.Context(), next, now())
			return err
		})
		return pgtest.List[string](t, pool, catalogSQL), faulty.Fired()
	}
	want, _ := run(t, 0, pgtest.Fail)
	for _, fault := range pgtest.Faults() {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			pgtest.EveryStep(t, pgtest.Always(fault), func(n int, fault pgtest.Fault) bool {
				got, fired := run(t, n, fault)
				require.Equal(t, want, got, "step %d", n)
				return fired
			})
		})
	}
}
