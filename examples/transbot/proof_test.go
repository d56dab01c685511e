package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// On a platform that nobody uses, hardly anything is known, and an item that nothing was measured for does not pass.
func TestNoItemPassesWithoutProof(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	staff := s.signIn(adminKey)
	s.company("acme", "pro")
	exec := func(sql string) {
		t.Helper()
		_, err := s.pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}

	t.Run("objectives without data", func(t *testing.T) {
		require.Equal(t, http.StatusSeeOther, staff.onControl("look", "look", "objectives").status)
		require.Contains(t, staff.item("hourly"), "without data")
		require.Equal(t, "amber", staff.state("hourly"))
	})
	t.Run("a task that waited too long and runs", func(t *testing.T) {
		exec(`
insert into agent_tasks (company_id, id, kind, created_at, started_at, status)
values ('acme', gen_random_uuid(), 'rate_lanes', now() - interval '10 minutes', now() - interval '1 s', 'running')`)
		require.Equal(t, "amber", staff.state("queue"))
		require.Contains(t, staff.item("queue"), "599.0 s at most of 1 tasks")
	})
	t.Run("webhooks that stopped", func(t *testing.T) {
		exec(`
insert into control_runs (id, job, at, by_whom, passed, took_ms, found)
values (gen_random_uuid(), 'billing', now() + interval '10 minutes', 'test', true, 1, '{"Passed": true, "Says": "6 prices agree"}')`)
		exec(`
insert into tenon.billing_events (id, type, customer_id, state, attempts, error, received_at)
values ('evt_1', 'customer.created', 'cus_1', 'done', 1, '', now() - interval '1 hour')`)
		require.Equal(t, "pass", staff.state("billing"))
		exec("update tenon.billing_events set received_at = now() - interval '25 hours'")
		require.Equal(t, "amber", staff.state("billing"))
	})
	t.Run("a rollout whose flag is switched off", func(t *testing.T) {
		require.Equal(t, http.StatusSeeOther, staff.onControl("rollout", "canaries", "acme", "reason", "day 0").status)
		require.Equal(t, http.StatusSeeOther, staff.onFlag("phase4", "advance", "reason", "I know better").status)
		staff.becomes("canary", "pass")
		require.Equal(t, http.StatusSeeOther, staff.onFlag("phase4", "switch", "disabled", "yes", "reason", "off with it").status)
		staff.becomes("canary", "fail")
		require.Contains(t, staff.item("canary"), "switched off for everybody")
	})
}

// What the service promises is promised to customers, wherever they ask, and our own looks are not among them.
func TestWhatCountsForTheObjectives(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	staff, person := s.signIn(adminKey), s.signIn(s.company("transbotai-demo", "pro"))
	require.Equal(t, http.StatusSeeOther, staff.onControl("look", "look", "smoke").status)
	require.Equal(t, http.StatusSeeOther, person.asks("transbotai-demo", "one-page").status)
	require.Equal(t, http.StatusSeeOther, person.asksMany("transbotai-demo", "one-page", threeLanes).status)
	require.Equal(t, http.StatusOK, s.browser().get("/calculator").status)
	require.Eventually(t, func() bool {
		return scan[int](s, "select count(*) from api_requests where route = 'GET /calculator'") == 1
	}, inTime, 20*time.Millisecond, "the last of them is written down")
	require.Zero(t, scan[int](s, "select count(*) from api_requests where route = 'GET /signin'"), "the smoke tests'")
	require.Equal(t, 1, scan[int](s, "select count(*) from quote_requests"), "a quote from the screen is a quote")
	require.Equal(t, 1, scan[int](s, "select count(*) from agent_tasks"), "and a list from there is work for an agent")
}
