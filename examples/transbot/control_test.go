package main

import (
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/control"
)

// onControl sends a form of the control room.
func (b browser) onControl(form string, fields ...string) reply {
	b.t.Helper()
	return b.post("/control/"+form, append(fields, "csrf", b.csrf("/control"))...)
}

// find returns what the control room says of an item: its markup, with the characters that stand for themselves; empty
// when the page is not to be had.
func (b browser) find(key string) string {
	_, after, _ := strings.Cut(b.get("/control").body, `<li id="i-`+key+`">`)
	before, _, _ := strings.Cut(after, "\n</li>")
	return html.UnescapeString(before)
}

// item is find for a page that must be there.
func (b browser) item(key string) string {
	b.t.Helper()
	found := b.find(key)
	require.NotEmpty(b.t, found, "no item %s", key)
	return found
}

var stateBadge = regexp.MustCompile(`<span class="badge health \w+">([a-z ]+)</span>`)

// state returns how an item stands.
func (b browser) state(key string) string {
	b.t.Helper()
	m := stateBadge.FindStringSubmatch(b.item(key))
	require.NotNil(b.t, m, key)
	return m[1]
}

// becomes waits until an item is in a state.
func (b browser) becomes(key, state string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		m := stateBadge.FindStringSubmatch(b.find(key))
		return m != nil && m[1] == state
	}, inTime, 500*time.Millisecond, "%s: %s", key, state)
}

func TestTheControlRoomOfAnEmptyPlatform(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	company := s.signIn(s.company("acme", "pro"))
	csrf := company.csrf("/companies/acme")
	require.Equal(t, "/signin", s.browser().get("/control").header.Get("Location"))
	require.Equal(t, http.StatusNotFound, company.get("/control").status)
	for _, form := range []string{"launch", "look", "items", "rollout", "rollout/next", "rollout/hold", "rollout/resume", "rollout/back"} {
		r := company.post("/control/"+form, "csrf", csrf, "reason", "x", "look", "smoke", "item", "okrs", "done", "yes", "at", "2026-01-01T00:00")
		require.Equal(t, http.StatusNotFound, r.status, form)
	}
	staff := s.signIn(adminKey)
	require.Equal(t, http.StatusForbidden, staff.post("/control/rollout", "reason", "x").status, "without a token")
	require.Zero(t, scan[int](s, "select count(*) from launch")+scan[int](s, "select count(*) from control_items"))
	require.Contains(t, staff.get("/control").body, "The launch has no date yet.")
	require.Equal(t, "5", staff.get("/control?watch").header.Get("Refresh"))
	for key, want := range map[string]string{
		"canary": "amber", "half": "amber", "whole": "amber", "variance": "unknown", "queue": "unknown", "okrs": "by hand", "pen_test": "by hand",
	} {
		require.Equal(t, want, staff.state(key), key)
	}

	t.Run("smoke tests leave nothing behind", func(t *testing.T) {
		staff.becomes("smoke", "pass")
		require.Contains(t, staff.item("smoke"), "13 of 13 steps")
		require.Zero(t, scan[int](s, "select count(*) from companies where id like 'probe-%'"))
		require.Zero(t, scan[int](s, "select count(*) from quotes"))
		require.Zero(t, scan[int](s, "select count(*) from tenon.usage_events"))
		require.Zero(t, scan[int](s, "select count(*) from tenon.audit_log where tenant_id like 'probe-%'"))
		require.Equal(t, http.StatusSeeOther, staff.onControl("look", "look", "smoke").status)
		require.Equal(t, http.StatusBadRequest, staff.onControl("look", "look", "typo").status)
	})
	t.Run("what is broken fails", func(t *testing.T) {
		_, err := s.pool.Exec(t.Context(), "alter table quotes rename to quotes_away")
		require.NoError(t, err)
		require.Equal(t, http.StatusSeeOther, staff.onControl("look", "look", "smoke").status)
		require.Equal(t, "fail", staff.state("smoke"))
		_, err = s.pool.Exec(t.Context(), "alter table quotes_away rename to quotes")
		require.NoError(t, err)
		require.Equal(t, http.StatusSeeOther, staff.onControl("look", "look", "smoke").status)
		require.Equal(t, "pass", staff.state("smoke"))
	})
	t.Run("a look that is being taken is not taken twice", func(t *testing.T) {
		_, err := s.pool.Exec(t.Context(), "update control_turns set busy_until = now() + interval '1 hour' where job = 'isolation'")
		require.NoError(t, err)
		require.Equal(t, http.StatusConflict, staff.onControl("look", "look", "isolation").status)
		_, err = s.pool.Exec(t.Context(), "update control_turns set busy_until = now() where job = 'isolation'")
		require.NoError(t, err)
		require.Equal(t, http.StatusSeeOther, staff.onControl("look", "look", "isolation").status)
		require.Equal(t, "pass", staff.state("isolation"))
		require.Contains(t, staff.item("isolation"), "0 cross-tenant rows")
	})
	t.Run("a rollout that was not started is not moved", func(t *testing.T) {
		for move, want := range map[string]int{"next": 409, "hold": 404, "resume": 404, "back": 404} {
			require.Equal(t, http.StatusBadRequest, staff.onControl("rollout/"+move).status, "%s without a reason", move)
			r := staff.onControl("rollout/"+move, "reason", "x")
			require.Equal(t, want, r.status, move)
			require.Contains(t, r.body, `role="alert"`, move)
			if move == "next" {
				require.Contains(t, r.body, "The objectives hold the next stage: ")
			}
		}
		require.Zero(t, scan[int](s, "select count(*) from tenon.flags where key = 'phase4'"))
	})
	t.Run("a launch to come is counted down to", func(t *testing.T) {
		at := time.Now().UTC().AddDate(0, 0, 9).Format("2006-01-02T15:04")
		require.Equal(t, http.StatusBadRequest, staff.onControl("launch", "at", at).status, "without a reason")
		require.Equal(t, http.StatusSeeOther, staff.onControl("launch", "at", at, "reason", "all is ready").status)
		require.Regexp(t, `Day 0 begins in [89] days`, staff.get("/control").body)
	})
	t.Run("nothing is sold", func(t *testing.T) {
		require.Equal(t, http.StatusSeeOther, staff.onControl("look", "look", "billing").status)
		require.Contains(t, staff.item("billing"), "no account at Stripe")
		require.Equal(t, "fail", staff.state("billing"))
	})
}

func TestWhatPeopleTickSaysWhoAndWhen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	staff := s.signIn(adminKey)
	log := audit.NewLog(auditpg.New(s.pool, nil), nil)
	recorded := func(action string) []audit.Entry {
		entries, err := log.List(t.Context(), audit.Query{Action: action, OldestFirst: true})
		require.NoError(t, err)
		return entries
	}
	for _, wrong := range [][]string{
		{"item", "typo", "done", "yes"},
		{"item", "okrs", "done", "yes", "on", "tomorrow"},
		{"item", "okrs", "done", "yes", "note", strings.Repeat("x", 1001)},
		{"item", "pen_test", "done", "yes"}, // without a day
		{"item", "pen_test", "done", "yes", "on", "2001-01-01"},
	} {
		require.Equal(t, http.StatusBadRequest, staff.onControl("items", wrong...).status, "%v", wrong)
	}
	require.Empty(t, recorded("control.*"))

	require.Equal(t, http.StatusSeeOther, staff.onControl("items", "item", "okrs", "done", "yes", "note", "agreed <with> all").status)
	require.Equal(t, "pass", staff.state("okrs"))
	require.Contains(t, staff.get("/control").body, "agreed &lt;with&gt; all")
	require.Contains(t, staff.item("okrs"), "ticked by staff")
	ticks := recorded("control.ticked")
	require.Len(t, ticks, 1)
	require.Equal(t, "staff", ticks[0].Actor)
	require.Contains(t, string(ticks[0].Payload), "agreed")
	require.Equal(t, http.StatusSeeOther, staff.onControl("items", "item", "okrs", "note", "not yet").status)
	require.Equal(t, "by hand", staff.state("okrs"))
	require.Len(t, recorded("control.unticked"), 1)

	begins := time.Now().UTC().Add(-26 * time.Hour)
	require.Equal(t, http.StatusBadRequest, staff.onControl("launch", "at", "soon", "reason", "x").status)
	require.Equal(t, http.StatusBadRequest, staff.onControl("launch", "at", "1999-01-01T00:00", "reason", "x").status)
	require.Equal(t, http.StatusSeeOther, staff.onControl("launch", "at", begins.Format("2006-01-02T15:04"), "reason", "we are live").status)
	require.Len(t, recorded("control.launch_dated"), 1)
	require.Contains(t, staff.get("/control").body, "Day 1 of the launch.")

	late, soon := begins.AddDate(0, 0, 40), begins.AddDate(0, 0, 29)
	require.Equal(t, http.StatusSeeOther, staff.onControl("items", "item", "pen_test", "done", "yes", "on", late.Format(time.DateOnly)).status)
	require.Equal(t, "amber", staff.state("pen_test"), "after day 30")
	require.Equal(t, http.StatusSeeOther, staff.onControl("items", "item", "pen_test", "done", "yes", "on", soon.Format(time.DateOnly)).status)
	require.Equal(t, "pass", staff.state("pen_test"))
	require.Equal(t, http.StatusSeeOther, staff.onControl("items", "item", "restore_drill", "done", "yes", "on", soon.Format(time.DateOnly)).status)
	require.Contains(t, staff.item("restore_drill"), "not run yet")
	require.Equal(t, http.StatusSeeOther, staff.onControl("items", "item", "budgets_reviewed", "done", "yes").status)
	require.Equal(t, "amber", staff.state("budgets_reviewed"), "before day 7 there is not all to see")
}

func TestWhoeverTicksAtOnceIsRecordedAfterOneAnother(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	staff := s.signIn(adminKey)
	csrf := staff.csrf("/control")
	statuses := make([]int, 2*12)
	var ticking sync.WaitGroup
	for i := range 12 {
		day := time.Now().UTC().AddDate(0, 0, i).Format("2006-01-02T15:04")
		ticking.Go(func() {
			statuses[i] = staff.post("/control/items", "csrf", csrf, "item", "okrs", "done", "yes", "note", strconv.Itoa(i)).status
		})
		ticking.Go(func() {
			statuses[12+i] = staff.post("/control/launch", "csrf", csrf, "at", day, "reason", "postponed").status
		})
	}
	ticking.Wait()
	for _, status := range statuses {
		require.Equal(t, http.StatusSeeOther, status)
	}
	log := audit.NewLog(auditpg.New(s.pool, nil), nil)
	for _, action := range []string{"control.ticked", "control.launch_dated"} {
		entries, err := log.List(t.Context(), audit.Query{Action: action})
		require.NoError(t, err)
		require.Len(t, entries, 12)
		before := map[string]bool{}
		for _, e := range entries {
			var was struct{ Before json.RawMessage }
			require.NoError(t, json.Unmarshal(e.Payload, &was))
			before[string(was.Before)] = true
		}
		require.Len(t, before, 12, "%s: each was the one before for one other", action)
	}
}

func TestQuoteVariance(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	staff := s.signIn(adminKey)
	key := s.company("acme", "enterprise")
	const settle = `insert into load_costs select company_id, id, price_cents, now() from quotes on conflict do nothing`
	for range 30 {
		require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
	}
	_, err := s.pool.Exec(t.Context(), "insert into load_costs select company_id, id, price_cents, now() from quotes limit 29")
	require.NoError(t, err)
	require.Equal(t, "unknown", staff.state("variance"), "29 loads are too few")
	_, err = s.pool.Exec(t.Context(), settle)
	require.NoError(t, err)
	for _, c := range []struct {
		factor, state, says string
	}{
		{"1", "pass", "+0.00 %"},
		{"1.0199", "pass", "+1.99 %"},
		{"0.9801", "pass", "-1.99 %"},
		{"1.0205", "amber", "+2.05 %"},
		{"0.9795", "amber", "-2.05 %"},
		{"1.0305", "fail", "+3.05 %"},
		{"0.9695", "fail", "-3.05 %"},
	} {
		_, err := s.pool.Exec(t.Context(), "update load_costs c set cost_cents = round(q.price_cents * "+c.factor+") from quotes q where q.id = c.quote_id")
		require.NoError(t, err)
		require.Equal(t, c.state, staff.state("variance"), c.factor)
		require.Contains(t, staff.item("variance"), c.says+" over 30 loads", c.factor)
	}
	_, err = s.pool.Exec(t.Context(), "update load_costs set settled_at = now() - interval '31 days'")
	require.NoError(t, err)
	require.Equal(t, "unknown", staff.state("variance"), "long ago")
}

// The customer's plan, with the service broken on the way: the rollout goes back when the objectives break, waits while
// they are not kept, and goes on when all is well again.
func TestTheRolloutFollowsTheObjectives(t *testing.T) {
	t.Parallel()
	s := newSite(t, "-demo")
	staff := s.signIn(adminKey)
	until := func(words string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(staff.get("/control").body, words) }, inTime, 500*time.Millisecond, words)
	}
	until("the guard says <strong>go on")
	require.Contains(t, staff.get("/control").body, "Day 0 of the launch.")
	staff.becomes("smoke", "pass")
	staff.becomes("billing", "pass")
	require.Contains(t, staff.item("billing"), "6 prices agree")
	require.Equal(t, "pass", staff.state("variance"))
	require.Contains(t, staff.item("variance"), "+1.")
	require.Equal(t, "pass", staff.state("queue"))
	require.Equal(t, "amber", staff.state("canary"))

	require.Equal(t, http.StatusBadRequest, staff.onControl("rollout", "canaries", "nobody-here", "reason", "day 0").status)
	require.Equal(t, http.StatusSeeOther, staff.onControl("rollout", "canaries", "transbotai-demo", "reason", "day 0").status)
	staff.becomes("canary", "pass")
	require.Equal(t, true, s.ask(printed(s)["PRO_KEY"], "/api/flags/phase4", "").field(t, "value"), "a canary")
	require.Contains(t, staff.get("/control").body, "stage 1 of 3, 5 %, running")
	require.Equal(t, http.StatusConflict, staff.onControl("rollout", "canaries", "", "reason", "again").status, "one is under way")
	require.Equal(t, http.StatusSeeOther, staff.onControl("rollout/hold", "reason", "lunch").status)
	require.Contains(t, staff.get("/control").body, "paused: lunch")
	require.Equal(t, http.StatusSeeOther, staff.onControl("rollout/resume", "reason", "lunch is over").status)
	require.Equal(t, http.StatusSeeOther, staff.onControl("rollout/next", "reason", "day 1").status)
	require.Equal(t, "pass", staff.state("half"))
	require.Equal(t, "amber", staff.state("whole"))

	// The service breaks at 50 %: the rollout goes back to 5 % by itself, on-call is told, and nobody gets it further.
	require.Equal(t, http.StatusSeeOther, staff.post("/slo/drill", "csrf", staff.csrf("/slo"), "what", "broken").status)
	staff.becomes("half", "fail")
	until("stage 1 of 3, 5 %, rolled back")
	require.Equal(t, 1, scan[int](s, "select count(*) from tenon.notifications where kind = 'flags.rolled_back' and destination = 'oncall'"))
	require.Equal(t, "fail", staff.state("budgets"))
	r := staff.onControl("rollout/next", "reason", "anyway")
	require.Equal(t, http.StatusConflict, r.status)
	require.Contains(t, r.body, "The objectives hold the next stage: releases are frozen")

	// Whoever lets it go on all the same sees it go back again, and then wait.
	require.Equal(t, http.StatusSeeOther, staff.onControl("rollout/resume", "reason", "I know better").status)
	staff.becomes("canary", "fail")
	require.Equal(t, http.StatusSeeOther, staff.onControl("rollout/resume", "reason", "when it is well").status)
	until("Waiting: releases are frozen")
	require.Equal(t, "amber", staff.state("canary"))

	// The service is well again, and the first stage begins by itself.
	for _, what := range []string{"mended", "forgiven"} {
		require.Equal(t, http.StatusSeeOther, staff.post("/slo/drill", "csrf", staff.csrf("/slo"), "what", what).status)
	}
	staff.becomes("canary", "pass")
	for _, want := range []string{"half", "whole"} {
		require.Equal(t, http.StatusSeeOther, staff.onControl("rollout/next", "reason", "day "+want).status)
		require.Equal(t, "pass", staff.state(want))
	}
	body := staff.get("/control").body
	require.Contains(t, body, `<polyline class="curve"`)
	require.Contains(t, body, "40 of 40")
	for _, reason := range []string{"day 0", "stage 1 begins: 5 %", "lunch is over", "day 1", "I know better", "day whole"} {
		require.Contains(t, body, reason, "the history")
	}
	require.Equal(t, http.StatusSeeOther, staff.onControl("rollout/back", "reason", "a rest").status)
	require.Equal(t, "fail", staff.state("whole"))
}

func TestHoweverManyStartTheRolloutItIsStartedOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	staff := s.signIn(adminKey)
	csrf := staff.csrf("/control")
	for i := range 8 {
		s.company("acme-"+strconv.Itoa(i), "pro")
	}
	statuses := make([]int, 8)
	var starting sync.WaitGroup
	for i := range statuses {
		starting.Go(func() {
			statuses[i] = staff.post("/control/rollout", "csrf", csrf, "canaries", "acme-"+strconv.Itoa(i), "reason", "day 0").status
		})
	}
	starting.Wait()
	slices.Sort(statuses)
	require.Equal(t, http.StatusSeeOther, statuses[0])
	for _, status := range statuses[1:] {
		require.Equal(t, http.StatusConflict, status, "with other canaries than the one that was started")
	}
}

func TestADayOfTheLaunch(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	s := control.Start{At: at}
	_, ok := s.Day(at.Add(-time.Second))
	require.False(t, ok)
	for after, want := range map[time.Duration]int{0: 0, 24*time.Hour - 1: 0, 24 * time.Hour: 1, 7 * 24 * time.Hour: 7} {
		n, ok := s.Day(at.Add(after))
		require.True(t, ok)
		require.Equal(t, want, n)
	}
	_, ok = control.Start{}.Day(at)
	require.False(t, ok, "nobody has said when it begins")
}

func TestUsageThatFellByMoreThanHalfIsOdd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	staff := s.signIn(adminKey)
	s.company("acme", "enterprise")
	use := func(feature string, n int, at time.Time) {
		uses := make([]entitlements.Use, n)
		for i := range uses {
			uses[i] = entitlements.Use{Tenant: "acme", Feature: feature, Quantity: 1, At: at}
		}
		require.NoError(t, s.gate.Record(t.Context(), uses...))
	}
	now := time.Now()
	for _, feature := range []string{"rates", "api_access", "bulk_rating"} {
		use(feature, 20, now.AddDate(0, 0, -10))
		use(feature, 9, now.AddDate(0, 0, -3))
		use(feature, 1, now.Add(-time.Minute))
	}
	require.Equal(t, "pass", staff.state("usage"), "ten are half of twenty")
	use("rates", 1, now.AddDate(0, 0, -10))
	require.Equal(t, "amber", staff.state("usage"))
	require.Contains(t, staff.item("usage"), "rates fell by more than half")
	use("rates", 1, now.Add(-time.Minute))
	require.Equal(t, "pass", staff.state("usage"))
	require.Contains(t, staff.item("usage"), "2 in 24 h, 11 in 7 days, 21 in the 7 before")
}
