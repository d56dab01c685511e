package main

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/examples/transbot/internal/evidence"
	"github.com/transbotai/tenon/examples/transbot/internal/restore"
	"github.com/transbotai/tenon/internal/pgtest"
)

// drilled bounds a drill, which starts a server and tries hundreds of things there, on a machine that is busy.
const drilled = 5 * time.Minute

func TestARestoreDrillPassesWhileTrafficGoesOn(t *testing.T) {
	t.Parallel()
	s := signedSite(t)
	key := s.company("acme", "enterprise")
	company, staff := s.signIn(key), s.signIn(adminKey)
	require.Equal(t, http.StatusNotFound, company.get("/control/restore").status)
	require.Equal(t, "/signin", s.browser().get("/control/restore").header.Get("Location"))
	require.Contains(t, staff.get("/control/restore").body, "no drill yet")
	token := staff.csrf("/control/restore")
	require.Equal(t, http.StatusNotFound, company.post("/control/restore", "csrf", company.csrf("/companies/acme")).status)
	require.Equal(t, http.StatusForbidden, staff.post("/control/restore").status, "without a token")
	_, err := drills(s, nil).Last(t.Context())
	require.ErrorIs(t, err, restore.ErrNever)

	require.Equal(t, http.StatusSeeOther, staff.post("/control/restore", "csrf", token).status)
	require.Eventually(t, func() bool {
		require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
		return !strings.Contains(staff.get("/control/restore").body, "under way")
	}, drilled, 200*time.Millisecond) // fewer than the key may send in a minute

	page := staff.get("/control/restore")
	require.Empty(t, page.header.Get("Refresh"), "it is over")
	require.Contains(t, page.body, "The last drill <strong>passed</strong>", page.body)
	last, err := drills(s, nil).Last(t.Context())
	require.NoError(t, err)
	require.True(t, last.Passed)
	require.Equal(t, "staff", last.By)
	require.Len(t, last.Steps, 14)
	require.Greater(t, last.Tables, int64(80))
	require.Positive(t, last.DumpBytes)
	require.GreaterOrEqual(t, last.RTO(), last.RPO())
	require.Positive(t, last.RPO())
	require.Equal(t, 1, scan[int](s, "select count(*) from tenon.audit_log where action = 'restore.drilled' and outcome = 'succeeded' and actor = 'staff'"))
}

func TestOneRestoreDrillAtATime(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	staff := s.signIn(adminKey)
	other, err := pgx.Connect(t.Context(), s.pool.Config().ConnString())
	require.NoError(t, err)
	defer other.Close(context.Background())
	var mine bool
	require.NoError(t, other.QueryRow(t.Context(), "select pg_try_advisory_lock(hashtextextended('transbot.restore_drill', 0))").Scan(&mine))
	require.True(t, mine)
	r := staff.post("/control/restore", "csrf", staff.csrf("/control/restore"))
	require.Equal(t, http.StatusConflict, r.status)
	require.Contains(t, r.body, "A drill is under way already")
	require.Zero(t, scan[int](s, "select count(*) from restore_drills"))
}

func TestEarlierDrillsSayHowTheyEnded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.exec(`
insert into restore_drills (id, began_at, began_by, ended_at, passed, failure)
values (gen_random_uuid(), now() - interval '1 hour', 'staff', now(), true, ''),
  (gen_random_uuid(), now() - interval '2 hours', 'ines', now(), false, 'It took too long and was broken off.'),
  (gen_random_uuid(), now() - interval '3 hours', 'jo', now(), true, '')`)
	page := s.signIn(adminKey).get("/control/restore").body
	last, earlier, found := strings.Cut(page, "Earlier drills")
	require.True(t, found, page)
	require.Contains(t, last, "The last drill <strong>passed</strong>")
	require.Equal(t, 1, strings.Count(earlier, `<span class="badge health full">failed</span>`))
	require.Equal(t, 1, strings.Count(earlier, `<span class="badge health ok">passed</span>`))
	require.Less(t, strings.Index(earlier, "ines"), strings.Index(earlier, "<td>jo</td>"), "the newest first")
}

// spoils are what may be wrong with a copy, each with the step that says so and what it says.
var spoils = []struct{ sql, step, says string }{
	{"delete from public.quotes where id = (select id from public.quotes limit 1)", "Compare every table", "public.quotes has 2 rows in the copy, and had 3"},
	{"update public.companies set city = 'Atlantis'", "Compare every table", "public.companies has its 2 rows, and they are not the same"},
	{"update tenon.usage_counters set used = used + 1 where tenant_id = 'acme'", "Counters are the sums of what they count", "rates of acme"},
	{"update tenon.org_entitlements set plan_id = 'starter' where tenant_id = 'bolt'", "What companies may do", "the answers for bolt are not the same"},
	{"delete from tenon.migrations where set = 'support'", "Migrations", "has yet to be applied"},
	{"drop policy isolation_tenant on public.quotes", "Compare definitions, owners and rights", "policy isolation_tenant on public.quotes is missing in the copy"},
	{"alter table public.users no force row level security", "Compare definitions, owners and rights", "relation public.users differs"},
	{"alter table public.users no force row level security", "Companies are apart", "public.users"},
	{"update tenon.audit_log set actor = 'somebody else' where action = 'INSERT' and target = 'public.quotes'", "The audit log proves itself", "it is not what was sealed"},
	{"delete from tenon.audit_leaves where leaf_index = (select max(leaf_index) from tenon.audit_leaves)", "The audit log proves itself", "its head is"},
}

func TestARestoreDrillFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := signedSite(t)
	key := s.company("acme", "pro")
	s.company("bolt", "pro")
	for range 3 {
		require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
	}
	require.Eventually(t, func() bool {
		return scan[int](s, `
select count(*)
from tenon.audit_log
join tenon.audit_leaves using (tenant_id, id)
where action = 'INSERT' and target = 'public.quotes'`) == 3
	}, inTime, 100*time.Millisecond, "records are sealed soon after they were made")
	done := make(map[string]bool)
	report, err := drills(s, func(ctx context.Context, copied *pgx.Conn) error {
		_, err := copied.Exec(ctx, "set session_replication_role = replica") // as somebody who gets around triggers
		for _, spoil := range spoils {
			if err == nil && !done[spoil.sql] {
				_, err = copied.Exec(ctx, spoil.sql)
				done[spoil.sql] = true
			}
		}
		return err
	}).Once(t.Context())
	require.ErrorContains(t, err, "the copy is not what was dumped")
	require.False(t, report.Passed)
	require.Equal(t, "The copy is not what was dumped.", report.Failure)
	wrong := map[string]string{}
	for _, step := range report.Steps {
		wrong[step.Name] = strings.Join(step.Wrong, "\n")
	}
	for _, spoil := range spoils {
		require.Contains(t, wrong[spoil.step], spoil.says, spoil.sql)
	}
	page := s.signIn(adminKey).get("/control/restore").body
	require.Contains(t, page, "The last drill <strong>failed</strong>")
	require.Contains(t, page, "public.quotes has 2 rows in the copy, and had 3")
	require.Equal(t, 1, scan[int](s, "select count(*) from tenon.audit_log where action = 'restore.drilled' and outcome = 'failed'"))
	s.requireUsed("acme", "rates", 3)
	require.Equal(t, 3, scan[int](s, "select count(*) from quotes"), "the live database is as it was")
}

func TestARestoreDrillThatIsBrokenOffLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, err := s.pool.Exec(t.Context(), `
insert into restore_drills (id, began_at, began_by)
values (gen_random_uuid(), now() - interval '1 hour', 'a program that was killed')`)
	require.NoError(t, err)
	const killed = "The program ended before the drill did."
	last, err := drills(s, nil).Last(t.Context())
	require.NoError(t, err)
	require.False(t, last.Running(), "nobody does it")
	require.Equal(t, killed, last.Failure)
	ctx, stop := context.WithCancel(t.Context())
	var socket string
	report, err := drills(s, func(ctx context.Context, copied *pgx.Conn) error {
		socket = copied.Config().Host
		stop()
		<-ctx.Done()
		return ctx.Err()
	}).Once(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, report.Passed)
	require.Equal(t, "It was broken off: the program was told to stop.", report.Failure)
	require.NoDirExists(t, socket)
	list, err := drills(s, nil).List(t.Context(), 5)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.False(t, list[0].Running())
	require.Equal(t, report.Failure, list[0].Failure)
	require.Equal(t, killed, list[1].Failure)
	require.True(t, scan[bool](s, "select pg_try_advisory_xact_lock(hashtextextended('transbot.restore_drill', 0))"), "the lock is free")
	require.Zero(t, scan[int](s, "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'transbot restore drill'"))
}

// The owner of a hosted database is no superuser, and row level security is forced on it.
func TestARestoreDrillByAnOwnerWhoIsNoSuperuser(t *testing.T) {
	t.Parallel()
	server, err := pgtest.Start(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	require.NoError(t, err)
	for _, sql := range []string{"create role shop login createrole", "create database shop owner shop"} {
		_, err = conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	require.NoError(t, conn.Close(t.Context()))
	var out, log syncBuffer
	env := func(name string) string {
		return map[string]string{
			"DATABASE_URL":       strings.Replace(server.URL("shop"), "user=tenon_owner", "user=shop", 1) + "&pool_max_conns=5",
			"TRANSBOT_AUDIT_KEY": base64.StdEncoding.EncodeToString(auditSeed),
		}[name]
	}
	require.NoError(t, run(t.Context(), []string{"-restore-drill"}, env, &out, &log), out.String())
	require.Contains(t, out.String(), "The restore drill passed.")

	conn, err = pgx.Connect(t.Context(), server.URL("shop"))
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "create table public.hidden (n int); alter table public.hidden owner to shop; "+
		"alter table public.hidden enable row level security; alter table public.hidden force row level security")
	require.NoError(t, err)
	out = syncBuffer{}
	require.ErrorContains(t, run(t.Context(), []string{"-restore-drill"}, env, &out, &log), "row level security hides rows of [public.hidden]")
	require.Contains(t, out.String(), "WRONG")
}

// drills returns a desk beside the program's own, over the same database, which hands each copy to spoil.
func drills(s *site, spoil func(context.Context, *pgx.Conn) error) *restore.Desk {
	s.t.Helper()
	all, err := sets()
	require.NoError(s.t, err)
	signer, err := audit.NewSigner(auditName, auditSeed)
	require.NoError(s.t, err)
	anchor := audit.NewFileAnchor(filepath.Join(s.t.TempDir(), "checkpoints"))
	settings := s.pool.Config()
	worker, err := pgxpool.NewWithConfig(s.t.Context(), settings)
	require.NoError(s.t, err)
	s.t.Cleanup(worker.Close)
	return restore.New(restore.Config{
		Owner: s.pool, Worker: worker, App: roles.App, Sets: all, Signer: signer, Anchor: anchor,
		Log:       audit.NewLog(auditpg.New(worker, nil), &audit.Options{Signer: signer, Anchors: map[string]audit.Anchor{"file": anchor}}),
		Isolation: evidence.Probing(), Logger: slog.New(slog.DiscardHandler), Restored: spoil,
	})
}
