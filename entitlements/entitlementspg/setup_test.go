package entitlementspg_test

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// The features of the test's catalogue.
const (
	calls  = "calls"  // metered by month: 1000
	mixed  = "mixed"  // metered by month: 200, 30 of overage
	alarms = "alarms" // metered by month: 10, soft 5, an alert at 80 %
	tasks  = "tasks"  // metered by day and by week: 5 and 12
	open   = "open"   // metered by month, unlimited; allowed when the store is away
	seats  = "seats"  // gauge: 5
	hourly = "hourly" // metered by hour: 50
)

func monthly(l entitlements.Limit) entitlements.Allowance {
	l.Period = entitlements.Monthly
	return entitlements.Allowance{Limits: []entitlements.Limit{l}}
}

func catalog() entitlements.Catalog {
	basic := map[string]entitlements.Allowance{
		calls: monthly(entitlements.Limit{Hard: 1000}), mixed: monthly(entitlements.Limit{Hard: 200, Overage: 30}),
		alarms: monthly(entitlements.Limit{Hard: 10, Soft: 5, Alerts: []int{80}}),
		tasks: {Limits: []entitlements.Limit{
			{Hard: 5, Period: entitlements.Daily}, {Hard: 12, Period: entitlements.Weekly},
		}},
		open: monthly(entitlements.Limit{Hard: entitlements.Unlimited}), seats: {Limits: []entitlements.Limit{{Hard: 5}}},
		hourly: {Limits: []entitlements.Limit{{Hard: 50, Period: entitlements.Hourly}}},
	}
	return entitlements.Catalog{
		Features: []entitlements.Feature{
			{Key: calls, Kind: entitlements.Metered},
			{Key: mixed, Kind: entitlements.Metered},
			{Key: alarms, Kind: entitlements.Metered},
			{Key: tasks, Kind: entitlements.Metered},
			{Key: open, Kind: entitlements.Metered, Fallback: entitlements.Fallback{Policy: entitlements.FailOpen}},
			{Key: seats, Kind: entitlements.Gauge},
			{Key: hourly, Kind: entitlements.Metered},
		},
		Plans: []entitlements.Plan{
			{ID: "free", Features: map[string]entitlements.Allowance{calls: monthly(entitlements.Limit{Hard: 3})}},
			{ID: "basic", Tier: 1, Features: basic},
			{ID: "top", Tier: 2, Features: map[string]entitlements.Allowance{calls: monthly(entitlements.Limit{Hard: entitlements.Unlimited})}},
		},
		AddOns: []entitlements.AddOn{{ID: "pack", Features: map[string]entitlements.Allowance{calls: monthly(entitlements.Limit{Hard: 10})}}},
	}
}

// database returns a pool on a database of the test's own, with the catalogue declared.
func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := pgtest.Pool(t, migrations.Entitlements)
	_, err := entitlementspg.New(pool, nil).Declare(t.Context(), catalog(), now())
	require.NoError(t, err)
	return pool
}

// now is an instant as stores keep them.
func now() time.Time { return tenon.Instant(time.Now()) }

func newGate(db entitlementspg.DB, opts *entitlementspg.Options) *entitlements.Gate {
	o := entitlementspg.Options{Timeout: time.Minute} // the machine may be busy
	if opts != nil {
		o = *opts
		o.Timeout = cmp.Or(o.Timeout, time.Minute)
	}
	return entitlements.NewGate(entitlementspg.New(db, &o), &entitlements.Options{Timeout: time.Minute})
}

// subscribe puts a new tenant on a plan, and gives every feature that is counted its counter.
func subscribe(t *testing.T, g *entitlements.Gate, plan string) string {
	t.Helper()
	tenant := tenon.NewID(time.Now())
	_, err := g.Subscribe(t.Context(), entitlements.Subscription{Tenant: tenant, Plan: plan})
	require.NoError(t, err)
	return tenant
}

func use(tenant, feature string, quantity int64, key string) entitlements.Use {
	return entitlements.Use{Tenant: tenant, Feature: feature, Quantity: quantity, Key: key}
}

// consume uses and must be answered.
func consume(t *testing.T, g *entitlements.Gate, u entitlements.Use) entitlements.Decision {
	t.Helper()
	d, err := g.Consume(t.Context(), u)
	require.NoError(t, err)
	return d
}

// allowed uses and must be let through.
func allowed(t *testing.T, g *entitlements.Gate, u entitlements.Use) {
	t.Helper()
	d := consume(t, g, u)
	require.True(t, d.Allowed, d.Reason)
}

// reconciled fails when a counter or a grant differs from what it counts.
func reconciled(t *testing.T, g *entitlements.Gate, tenant string) {
	t.Helper()
	drifts, err := g.Reconcile(t.Context(), tenant)
	require.NoError(t, err)
	require.Empty(t, drifts)
}

// used is what the counter of a feature says.
func used(t *testing.T, db entitlementspg.DB, tenant, feature string) int64 {
	t.Helper()
	return pgtest.One[int64](t, db, `select coalesce(max(used), 0) from tenon.usage_counters where tenant_id = $1 and feature_key = $2`, tenant, feature)
}

const tenantTablesSQL = `
select c.relname::text
from pg_class c
join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = 'tenon'::regnamespace
  and c.relkind in ('r', 'p')
  and not c.relispartition
  and a.attname = 'tenant_id'
  and not a.attisdropped
order by 1`

// dump returns every row of the tenant in schema tenon, as JSON, table by table.
func dump(t *testing.T, db entitlementspg.DB, tenant string) []string {
	t.Helper()
	var rows []string
	for _, table := range pgtest.List[string](t, db, tenantTablesSQL) {
		found := pgtest.List[string](t, db, "select to_jsonb(t)::text from tenon."+table+" t where tenant_id = $1", tenant)
		for i := range found {
			found[i] = table + " " + found[i]
		}
		rows = append(rows, found...)
	}
	slices.Sort(rows)
	return rows
}

var (
	uuid       = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	keyed      = regexp.MustCompile(`^usage_keys .*"id": "([^"]*)".*"key": "([^"]*)"`)
	correcting = regexp.MustCompile(`^usage_events .*"id": "([^"]*)".*"corrects": "([^"]*)"`)
	revision   = regexp.MustCompile(`"revision": \d+`)
)

// normal makes dumps of the same work for two tenants alike: an id becomes the key that stands for it, what it
// corrects, or its rank among the others, and how often the rights were written is left out.
func normal(tenant string, rows []string) []string {
	text := strings.ReplaceAll(strings.Join(rows, "\n"), tenant, "T")
	for _, row := range rows {
		if m := keyed.FindStringSubmatch(row); m != nil {
			text = strings.ReplaceAll(text, m[1], "id of "+m[2])
		}
	}
	for _, row := range rows {
		if m := correcting.FindStringSubmatch(row); m != nil {
			text = strings.ReplaceAll(text, m[1], "correction of "+m[2])
		}
	}
	ids := uuid.FindAllString(text, -1)
	slices.Sort(ids)
	for i, id := range slices.Compact(ids) {
		text = strings.ReplaceAll(text, id, fmt.Sprintf("id%d", i))
	}
	rows = strings.Split(revision.ReplaceAllString(text, `"revision": 0`), "\n")
	slices.Sort(rows)
	return rows
}

// digest tells payloads apart as a Gate's does.
func digest(kind entitlements.OpKind, u entitlements.Use) int64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d|%s|%d|%d", kind, u.Feature, u.Quantity, u.At.UnixMicro())
	return int64(h.Sum64())
}

// op makes an operation as a Gate does, at a time of the test's choice.
func op(kind entitlements.OpKind, u entitlements.Use, at time.Time) entitlements.Op {
	o := entitlements.Op{Kind: kind, Use: u, ID: tenon.NewID(at), Now: at, At: at, Digest: digest(kind, u)}
	if !u.At.IsZero() {
		o.At = u.At
	}
	if u.Key == "" {
		o.Use.Key = o.ID
	}
	return o
}

func holdOp(kind entitlements.OpKind, tenant, hold string, actual int64, at time.Time) entitlements.Op {
	return entitlements.Op{
		Kind: kind, ID: tenon.NewID(at), Now: at, At: at, Hold: hold,
		Use: entitlements.Use{Tenant: tenant, Quantity: actual},
	}
}

// settle carries out operations that must not fail.
func settle(t *testing.T, s *entitlementspg.Store, ops ...entitlements.Op) []entitlements.Outcome {
	t.Helper()
	outcomes, err := s.Settle(t.Context(), ops)
	require.NoError(t, err)
	for _, o := range outcomes {
		require.NoError(t, o.Err)
	}
	return outcomes
}

// subscribed is an edit that puts a tenant on a plan.
func subscribed(plan string, at time.Time) entitlements.Edit {
	return func(r *entitlements.Rights, v *entitlements.Versions) ([]tenon.Change, error) {
		r.Entitlement = &entitlements.Entitlement{Plan: plan, Version: 1, Status: entitlements.Active, StartedAt: at}
		return []tenon.Change{{Tenant: r.Tenant, Action: "subscribed", Target: plan, At: at}}, nil
	}
}

// telling makes a table of what is told, and returns options that write to it.
func telling(t *testing.T, db entitlementspg.DB) *entitlementspg.Options {
	t.Helper()
	pgtest.Tell(t, db)
	return &entitlementspg.Options{Notifier: pgtest.Notifier, Recorder: pgtest.Recorder}
}

// together runs f in n goroutines at once and waits for all.
func together(n int, f func(i int)) {
	var wait sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wait.Go(func() {
			<-begin
			f(i)
		})
	}
	close(begin)
	wait.Wait()
}

// withoutCounters leaves out the rows that an answer may seal anew.
func withoutCounters(rows []string) []string {
	return slices.DeleteFunc(slices.Clone(rows), func(row string) bool { return strings.HasPrefix(row, "usage_counters ") })
}

func isConflict(err error) bool { return errors.Is(err, tenon.ErrConflict) }

func isAway(err error) bool { return errors.Is(err, tenon.ErrUnavailable) }

func isInvalid(err error) bool { return errors.Is(err, tenon.ErrInvalid) }
