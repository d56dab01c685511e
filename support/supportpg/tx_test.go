package supportpg_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

func TestWhatACallersTransactionWritesCommitsOrGoesWithIt(t *testing.T) {
	t.Parallel()
	_, pool := database(t)
	desk := support.NewDesk(supportpg.New(pool, nil))
	for _, commits := range []bool{false, true} {
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		opened, err := desk.WithStore(supportpg.New(tx, nil)).Open(t.Context(), support.NewTicket{Tenant: "acme", Priority: support.P1, Issue: "x"})
		require.NoError(t, err)
		_, err = desk.WithStore(supportpg.New(tx, nil)).Close(t.Context(), opened.Ref)
		require.ErrorIs(t, err, support.ErrTransition, "which leaves the transaction usable")
		end := tx.Rollback
		if commits {
			end = tx.Commit
		}
		require.NoError(t, end(t.Context()))
		_, err = desk.Get(t.Context(), opened.Ref)
		if !commits {
			require.ErrorIs(t, err, support.ErrUnknownTicket)
			require.Zero(t, left(t, pool))
			continue
		}
		require.NoError(t, err)
		require.Equal(t, 1, left(t, pool))
	}
}

func TestTheAcknowledgementAndTheEndOfTheLadderAreOneTransaction(t *testing.T) {
	t.Parallel()
	_, pool := database(t)
	desk := support.NewDesk(supportpg.New(pool, nil))
	opened, err := desk.Open(t.Context(), support.NewTicket{Tenant: "acme", Priority: support.P1, Issue: "x"})
	require.NoError(t, err)
	due := func() time.Time { return one[time.Time](t, pool, "select at from tenon.timers").UTC() }
	require.Equal(t, opened.OpenedAt.Add(45*time.Minute), due(), "the first response is at risk first")
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = desk.WithStore(supportpg.New(tx, nil)).Reply(t.Context(), opened.Ref, "we look")
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, opened.OpenedAt.Add(45*time.Minute), due())
	_, err = desk.Reply(t.Context(), opened.Ref, "we look")
	require.NoError(t, err)
	require.Equal(t, opened.OpenedAt.Add(3*time.Hour), due(), "what is left is the resolution at risk")
}

func TestAHandlerThatWritesTheHostsRowsAndAHostThatCancelsDoNotDeadlock(t *testing.T) {
	t.Parallel()
	_, pool := database(t)
	execute(t, pool, "create table public.orders (id text primary key, state text); insert into public.orders values ('7', 'new')")
	store := supportpg.New(pool, nil)
	timers, err := support.NewTimers(store, support.Work{"x": {Each: func(context.Context, support.Store, support.Timer) error { return nil }}}, nil)
	require.NoError(t, err)
	ref := support.TimerRef{Tenant: "acme", Key: "7"}
	require.NoError(t, timers.Schedule(t.Context(), support.Timer{TimerRef: ref, At: time.Now().Add(-time.Hour), Kind: "x"}))
	lease := tenon.NewID(time.Now())
	got, err := store.Claim(t.Context(), support.Claim{Lease: lease, For: time.Minute, Kinds: []string{"x"}, Limit: 10})
	require.NoError(t, err)
	require.Len(t, got.Timers, 1)

	host, err := pool.Begin(t.Context())
	require.NoError(t, err)
	execute(t, host, "update public.orders set state = 'paid' where id = '7'")
	began, worked := make(chan struct{}), make(chan error, 1)
	go func() {
		worked <- store.Work(t.Context(), lease, got.Timers, func(ctx context.Context, s support.Store) error {
			close(began)
			tx, _ := supportpg.Tx(s)
			_, err := tx.Exec(ctx, "update public.orders set state = 'late' where id = '7'")
			return err
		})
	}()
	<-began
	n, err := timers.WithStore(supportpg.New(host, nil)).Cancel(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, host.Commit(t.Context()))
	require.ErrorIs(t, <-worked, support.ErrLost)
	require.Equal(t, "paid", one[string](t, pool, "select state from public.orders"))
}

var faults = []pgtest.Fault{pgtest.Fail, pgtest.CutBefore, pgtest.CutAfter}

func TestWorkThatFailsAtAnyStatementAndIsTriedAgainEndsAsIfNothingHadFailed(t *testing.T) {
	t.Parallel()
	for _, fault := range faults {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			_, pool := database(t)
			execute(t, pool, "create table public.fired (key text not null)")
			for n := 1; ; n++ {
				require.Less(t, n, 60)
				faulty := pgtest.NewFaulty(pool, n, fault)
				if !worksOnceThrough(t, pool, faulty, n) {
					break
				}
			}
		})
	}
}

// worksOnceThrough opens a ticket and fires a timer over a database with a fault, again and again until it is done, and
// says whether the fault came.
func worksOnceThrough(t *testing.T, pool *pgxpool.Pool, faulty *pgtest.Faulty, n int) bool {
	t.Helper()
	execute(t, pool, "truncate public.fired, tenon.timers, tenon.ticket_events, tenon.tickets")
	store := supportpg.New(faulty, nil)
	again := func(what func() error) {
		err := what()
		for range 5 {
			if err == nil || !faulty.Fired() {
				break
			}
			err = what()
		}
		require.NoError(t, err, "step %d", n)
	}
	desk := support.NewDesk(store)
	id := tenon.NewID(time.Now())
	again(func() error {
		_, err := desk.Open(t.Context(), support.NewTicket{Tenant: "acme", ID: id, Priority: support.P1, Issue: "x"})
		return err
	})
	again(func() error {
		_, err := desk.Acknowledge(t.Context(), support.Ref{Tenant: "acme", ID: id})
		return err
	})
	timer := support.Timer{TimerRef: support.TimerRef{Tenant: "acme", Key: "7"}, At: tenon.Instant(time.Now().Add(-time.Hour)), Kind: "one"}
	again(func() error { return store.Schedule(t.Context(), []support.Timer{timer}) })
	again(func() error {
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
	require.Equal(t, 1, one[int](t, pool, "select count(*) from public.fired"), "step %d", n)
	require.Equal(t, 2, one[int](t, pool, "select count(*) from tenon.ticket_events"), "step %d", n)
	require.Equal(t, 1, left(t, pool), "step %d: the ticket's", n)
	return faulty.Fired()
}

func TestASubjectIsExportedAndErased(t *testing.T) {
	t.Parallel()
	_, pool := database(t)
	store := supportpg.New(pool, nil)
	ctx := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "bob"})
	desk, findings := support.NewDesk(store), support.NewFindings(store, nil)
	tours, err := support.NewTours(store, []support.Tour{{Key: "a", Feature: "A", Title: "A", Steps: []support.TourStep{{Title: "1"}}}}, nil)
	require.NoError(t, err)
	for _, tenant := range []string{"acme", "zenith"} {
		opened, err := desk.Open(ctx, support.NewTicket{Tenant: tenant, Priority: support.P1, Issue: "x"})
		require.NoError(t, err)
		_, err = desk.Assign(ctx, opened.Ref, "bob")
		require.NoError(t, err)
		f, err := findings.Report(ctx, support.NewFinding{Tenant: tenant, Title: "x", Severity: support.Low})
		require.NoError(t, err)
		_, err = findings.Accept(ctx, f.Ref, support.Acceptance{Approver: "bob", Reason: "x", Until: time.Now().Add(time.Hour)})
		require.NoError(t, err)
		_, err = tours.Complete(ctx, support.Viewer{Tenant: tenant, User: "bob"}, "a")
		require.NoError(t, err)
	}
	export := func(s tenon.Subject) map[string]int {
		rows := map[string]int{}
		for row, err := range store.Export(t.Context(), s) {
			require.NoError(t, err)
			require.Contains(t, string(row.Data), `"acme"`)
			rows[row.Table]++
		}
		return rows
	}
	bob, acme := tenon.Subject{Tenant: "acme", User: "bob"}, tenon.Subject{Tenant: "acme"}
	require.Equal(t, map[string]int{"tenon.ticket_events": 2, "tenon.findings": 1, "tenon.tour_progress": 1}, export(bob))
	erased, err := store.Erase(t.Context(), bob)
	require.NoError(t, err)
	require.EqualValues(t, 2, erased["tenon.ticket_events"])
	require.Empty(t, export(bob))
	for table, n := range export(acme) {
		require.Positive(t, n, table)
	}
	all := map[string]int{"tenon.tickets": 1, "tenon.ticket_events": 2, "tenon.findings": 1, "tenon.timers": 2}
	require.Equal(t, all, export(acme))
	erased, err = store.Erase(t.Context(), acme)
	require.NoError(t, err)
	require.Contains(t, erased, "tenon.tour_progress")
	require.Empty(t, export(acme))
	require.Equal(t, 1, one[int](t, pool, "select count(*) from tenon.tickets"), "the other tenant's stays")
	_, err = store.Erase(t.Context(), tenon.Subject{User: "bob"})
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

func newRole(t *testing.T, conn *pgx.Conn, part string) string {
	t.Helper()
	name := "support_" + part + "_" + strings.ReplaceAll(tenon.NewID(time.Now()), "-", "")
	_, err := conn.Exec(t.Context(), "create role "+name)
	require.NoError(t, err)
	t.Cleanup(func() {
		for _, sql := range []string{"drop owned by " + name, "drop role " + name} {
			if _, err := conn.Exec(context.Background(), sql); err != nil {
				t.Errorf("%s: %v", sql, err)
			}
		}
	})
	return name
}

func as(t *testing.T, url, role string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	config.ConnConfig.RuntimeParams["role"] = role
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func TestTheAppSeesItsTenantAloneAndTheWorkerAll(t *testing.T) {
	t.Parallel()
	url, _ := database(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	roles := migrations.Roles{App: newRole(t, conn, "app"), Worker: newRole(t, conn, "worker")}
	require.NoError(t, migrations.ApplyGrants(t.Context(), conn, roles))
	require.NoError(t, migrations.EnableRLS(t.Context(), conn, roles))
	app, work := as(t, url, roles.App), as(t, url, roles.Worker)
	for _, tenant := range []string{"acme", "zenith"} {
		tx, err := app.Begin(t.Context())
		require.NoError(t, err)
		execute(t, tx, "select set_config('tenon.tenant_id', $1, true)", tenant)
		desk := support.NewDesk(supportpg.New(tx, nil))
		opened, err := desk.Open(t.Context(), support.NewTicket{Tenant: tenant, Priority: support.P1, Issue: "x"})
		require.NoError(t, err)
		_, err = desk.Solve(t.Context(), opened.Ref, "done")
		require.NoError(t, err)
		found, err := desk.List(t.Context(), support.TicketQuery{})
		require.NoError(t, err)
		require.Len(t, found, 1, tenant)
		require.NoError(t, tx.Commit(t.Context()))
	}
	desk := support.NewDesk(supportpg.New(work, nil))
	found, err := desk.List(t.Context(), support.TicketQuery{})
	require.NoError(t, err)
	require.Len(t, found, 2)
	rules, err := desk.Rules(t.Context())
	require.NoError(t, err)
	_, err = desk.SetRules(t.Context(), rules, "")
	require.NoError(t, err)
	_, err = support.NewDesk(supportpg.New(app, nil)).SetRules(t.Context(), rules, "")
	require.Error(t, err, "the app may not change the rules")
	timers, err := support.NewTimers(supportpg.New(app, nil), desk.Work(), nil)
	require.NoError(t, err)
	require.ErrorIs(t, timers.Run(t.Context()), migrations.ErrFiltered)
	require.True(t, errors.Is(migrations.ErrFiltered, tenon.ErrDenied))
}
