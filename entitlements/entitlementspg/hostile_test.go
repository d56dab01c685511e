package entitlementspg_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestOddTextIsKeptAsItIs(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	for _, odd := range []string{
		"'", "''", `"`, "%", "_", `\`, `\\`, "$1", ";--", "'; drop table tenon.usage_keys; --", "{}", "{a,b}", "NULL", "null",
		"a b", " ", "é", "日本", "😀", "\u202e", "\u00a0", strings.Repeat("x", 255), strings.Repeat("é", 127) + "x",
	} {
		tenant := odd
		_, err := g.Subscribe(t.Context(), entitlements.Subscription{Tenant: tenant, Plan: "basic", Customer: odd, Reason: odd})
		require.NoError(t, err, odd)
		for range 2 {
			u := use(tenant, calls, 2, odd)
			u.Metadata = map[string]any{"a": odd, odd: []any{1, nil, map[string]any{"b": odd}}}
			allowed(t, g, u)
		}
		require.NoError(t, g.Record(t.Context(), use(tenant, mixed, 1, "")))
		require.Equal(t, odd, pgtest.One[string](t, pool, "select metadata ->> 'a' from tenon.usage_events where tenant_id = $1 and feature_key = 'calls'", tenant))
		require.EqualValues(t, 2, used(t, pool, tenant, calls), odd)
		e, err := g.Entitlement(t.Context(), tenant)
		require.NoError(t, err)
		require.Equal(t, odd, e.Customer)
		d, err := g.Check(t.Context(), tenant, calls)
		require.NoError(t, err)
		require.EqualValues(t, 2, d.Used)
		buckets, err := g.Usage(t.Context(), entitlements.UsageQuery{Tenant: tenant, Feature: calls, Aggregation: entitlements.Unique, Property: "a"})
		require.NoError(t, err)
		require.EqualValues(t, 1, buckets[0].Value)
		_, err = g.Correct(t.Context(), entitlements.Correction{Tenant: tenant, Key: odd, Reason: odd})
		require.NoError(t, err)
		reconciled(t, g, tenant)
	}
	drifts, err := g.Reconcile(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, drifts)
}

func TestBadInputIsRefusedByNameAndWritesNothing(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	allowed(t, g, use(tenant, calls, 1, ""))
	before := dump(t, pool, tenant)
	good := use(tenant, calls, 1, "k")
	for field, change := range map[string]func(u *entitlements.Use){
		"tenant":    func(u *entitlements.Use) { u.Tenant = "" },
		"tenant ":   func(u *entitlements.Use) { u.Tenant = strings.Repeat("x", 256) },
		"tenant  ":  func(u *entitlements.Use) { u.Tenant = "a\x00" },
		"tenant   ": func(u *entitlements.Use) { u.Tenant = "a\xff" },
		"key":       func(u *entitlements.Use) { u.Key = strings.Repeat("x", 256) },
		"key ":      func(u *entitlements.Use) { u.Key = "\x00" },
		"quantity":  func(u *entitlements.Use) { u.Quantity = -1 },
		"quantity ": func(u *entitlements.Use) { u.Quantity = math.MaxInt64 },
		"at":        func(u *entitlements.Use) { u.At = time.Now().Add(time.Hour) },
		"at ":       func(u *entitlements.Use) { u.At = time.Unix(0, 0) },
		"metadata":  func(u *entitlements.Use) { u.Metadata = map[string]any{"a": "\x00"} },
		"metadata ": func(u *entitlements.Use) { u.Metadata = map[string]any{"\x00": 1} },
		"metadata2": func(u *entitlements.Use) { u.Metadata = map[string]any{"a": math.NaN()} },
		"metadata3": func(u *entitlements.Use) { u.Metadata = map[string]any{"a": strings.Repeat("x", 9000)} },
	} {
		u := good
		change(&u)
		name := strings.TrimRight(field, " 23")
		_, err := g.Consume(t.Context(), u)
		refusedField(t, err, name)
		refusedField(t, g.Record(t.Context(), good, u), fmt.Sprintf("uses[1].%s", name))
	}
	require.Equal(t, before, dump(t, pool, tenant))
}

func refusedField(t *testing.T, err error, field string) {
	t.Helper()
	require.ErrorIs(t, err, tenon.ErrInvalid)
	var bad *tenon.FieldError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, field, bad.Field)
}

func TestAKeyOf255BytesIsKeptAndTheNextOneIsAnother(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	for _, last := range []string{"a", "b"} {
		key := strings.Repeat("k", 254) + last
		require.False(t, consume(t, g, use(tenant, calls, 1, key)).Replayed)
		require.True(t, consume(t, g, use(tenant, calls, 1, key)).Replayed)
	}
	require.EqualValues(t, 2, used(t, pool, tenant, calls))
}

func TestTextThatJSONKnowsAndPostgresDoesNotIsRefusedOrKeptButFailsNoOther(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	allowed(t, g, use(tenant, open, 1, ""))
	for i, odd := range []any{"\xed\xa0\x80", `\ud800`, `\u0000`, "\\u0000", "\xff", 1e308, int64(math.MaxInt64), uint64(math.MaxUint64), "\uffff"} {
		u := use(tenant, open, 1, fmt.Sprint("odd", i))
		u.Metadata = map[string]any{"a": odd}
		_, err := g.Consume(t.Context(), u)
		require.True(t, err == nil || isInvalid(err), "%q: %v", odd, err)
		allowed(t, g, use(tenant, open, 1, ""))
	}
	reconciled(t, g, tenant)
}

func TestAnOperationThatPostgresRefusesSpoilsItForNoOther(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := entitlementspg.New(pool, &entitlementspg.Options{Timeout: time.Minute})
	g := entitlements.NewGate(s, &entitlements.Options{Timeout: time.Minute})
	tenant := subscribe(t, g, "basic")
	allowed(t, g, use(tenant, calls, 1, ""))
	unlock := locked(t, pool, tenant, calls) // so that they wait for it together
	outcomes := make([]error, 9)
	done := make(chan struct{})
	go func() {
		defer close(done)
		together(len(outcomes), func(i int) {
			one := op(entitlements.OpConsume, use(tenant, calls, 1, fmt.Sprint(i)), now())
			if i == 4 {
				one.Metadata = []byte(`{"a": "\u0000"}`) // no Gate lets it through
			}
			_, outcomes[i] = s.Settle(t.Context(), []entitlements.Op{one})
		})
	}()
	awaitWaiters(t, pool, 1)
	unlock()
	<-done
	for i, err := range outcomes {
		if i == 4 {
			require.ErrorIs(t, err, tenon.ErrInvalid)
		} else {
			require.NoError(t, err)
		}
	}
	require.EqualValues(t, len(outcomes), used(t, pool, tenant, calls), "the first, and all but one")
	reconciled(t, g, tenant)
}

// noting writes changes into a table of the host's.
type noting struct{ tx pgx.Tx }

func (n noting) RecordChange(ctx context.Context, c tenon.Change) error {
	_, err := n.tx.Exec(ctx, "insert into public.noted (at, action) values ($1, $2)", c.At, c.Action)
	return err
}

func TestAPartitionThatTheHostsTableLacksIsNotTakenForOurs(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, "create table public.noted (at timestamptz, action text) partition by range (at)")
	g := newGate(pool, &entitlementspg.Options{Recorder: func(tx pgx.Tx) tenon.Recorder { return noting{tx} }})
	_, err := g.Subscribe(t.Context(), entitlements.Subscription{Tenant: "acme", Plan: "basic"})
	require.ErrorContains(t, err, `"noted"`)
	require.NotContains(t, err.Error(), "usage_events")
}

func TestAQuantityNearTheBoundIsCountedOrRefusedAndNeverWraps(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	var sum int64
	for range 12 {
		err := g.Record(t.Context(), use(tenant, open, entitlements.MaxQuantity, ""))
		if err != nil {
			require.True(t, isInvalid(err), "%v", err)
			break
		}
		sum += entitlements.MaxQuantity
	}
	require.Equal(t, sum, used(t, pool, tenant, open))
	reconciled(t, g, tenant)
}

func TestAStoreOnASingleConnectionAnswersAfterAnErrorToo(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	tenant := subscribe(t, newGate(pool, nil), "basic")
	conn := connected(t, url)
	s := entitlementspg.New(conn, nil)
	pgtest.Exec(t, conn, "set statement_timeout = '20ms'")
	tx := pgtest.Begin(t, pool)
	pgtest.Exec(t, tx, "lock table tenon.usage_counters in access exclusive mode")
	_, err := s.Load(t.Context(), []string{tenant}, now())
	require.Error(t, err)
	_, err = s.Settle(t.Context(), []entitlements.Op{op(entitlements.OpConsume, use(tenant, calls, 1, ""), now())})
	require.Error(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	pgtest.Exec(t, conn, "reset statement_timeout") // a busy machine may take longer over what is to succeed
	_, err = s.Load(t.Context(), []string{tenant}, now())
	require.NoError(t, err)
	settle(t, s, op(entitlements.OpConsume, use(tenant, calls, 1, ""), now()))
}
