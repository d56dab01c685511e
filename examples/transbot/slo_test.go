package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/notify/notifyhttp"
	"github.com/transbotai/tenon/notify/notifytest"
)

// inTime bounds what the background does: on a machine that is busy it takes its time.
const inTime = 2 * time.Minute

func TestTheCurrentObjectives(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("transbotai-demo", "pro") // for which bulk_rating is switched on
	require.Equal(t, http.StatusUnauthorized, s.ask("", "/api/slo/current", "").status)

	r := s.ask(key, "/api/slo/current", "")
	require.Equal(t, http.StatusOK, r.status, r.body)
	require.Equal(t, 0.999, r.field(t, "uptime.target"))
	require.Equal(t, 0.95, r.field(t, "quoteLatency.target"))
	require.Equal(t, 500.0, r.field(t, "quoteLatency.threshold_ms"))
	require.Equal(t, 0.98, r.field(t, "agentSuccess.target"))
	require.Equal(t, "no_data", r.field(t, "agentSuccess.status"))
	require.Nil(t, r.field(t, "agentSuccess.current"))

	for range 3 {
		require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
	}
	require.Equal(t, http.StatusOK, s.ask(key, "/api/quotes/bulk", `{"lanes":[`+lane+`]}`).status)
	require.Eventually(t, func() bool {
		r := s.ask(key, "/api/slo/current", "")
		return r.field(t, "quoteLatency.count.valid") == 3.0 && r.field(t, "agentSuccess.current") == 1.0
	}, inTime, 100*time.Millisecond)
	require.Equal(t, 3, scan[int](s, "select count(*) from api_requests where route = 'POST /api/quotes' and company_id = 'transbotai-demo' and status = 201"))
	require.Zero(t, scan[int](s, "select count(*) from api_requests where status >= 500"))
}

func TestThePageOfTheObjectivesIsForTheStaff(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	company := s.signIn(s.company("acme", "pro"))
	csrf := company.csrf("/companies/acme")
	require.Equal(t, "/signin", s.browser().get("/slo").header.Get("Location"))
	require.Equal(t, http.StatusNotFound, company.get("/slo").status)
	for _, form := range []string{"/slo/drill", "/slo/override", "/slo/override/revoke"} {
		require.Equal(t, http.StatusNotFound, company.post(form, "csrf", csrf, "what", "broken", "hours", "1", "reason", "x").status, form)
	}

	staff := s.signIn(adminKey)
	page := staff.get("/slo")
	require.Equal(t, http.StatusOK, page.status, page.body)
	for _, want := range []string{"Uptime", "Quote p95 latency", "Agent success rate", "Queue wait", "no data", "gate unknown"} {
		require.Contains(t, page.body, want)
	}
	require.NotContains(t, page.body, "Break the service", "that is for the demo")
	require.Empty(t, page.header.Get("Refresh"))
	require.Equal(t, "5", staff.get("/slo?watch").header.Get("Refresh"))
	token := staff.csrf("/slo")
	require.Equal(t, http.StatusNotFound, staff.post("/slo/drill", "csrf", token, "what", "broken").status)
	require.Equal(t, http.StatusForbidden, staff.post("/slo/override", "hours", "1", "reason", "x").status, "without a token")
	require.Equal(t, http.StatusBadRequest, staff.post("/slo/override", "csrf", token, "hours", "25", "reason", "x").status)
	require.Equal(t, http.StatusBadRequest, staff.post("/slo/override", "csrf", token, "hours", "1").status, "without a reason")
}

func TestADrill(t *testing.T) {
	t.Parallel()
	s := newSite(t, "-demo")
	conn, err := pgx.Connect(t.Context(), s.pool.Config().ConnString())
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "listen "+ops.Channel)
	require.NoError(t, err)
	staff := s.signIn(adminKey)
	until := func(words string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(staff.get("/slo").body, words) }, inTime, 500*time.Millisecond, words)
	}
	send := func(form string, fields ...string) {
		t.Helper()
		r := staff.post(form, append(fields, "csrf", staff.csrf("/slo"))...)
		require.Equal(t, http.StatusSeeOther, r.status, r.body)
	}

	until("gate go")
	require.Contains(t, staff.get("/slo").body, `<polyline class="curve"`)
	require.Equal(t, http.StatusBadRequest, staff.post("/slo/drill", "csrf", staff.csrf("/slo"), "what", "typo").status)
	require.Equal(t, http.StatusConflict, staff.post("/slo/drill", "csrf", staff.csrf("/slo"), "what", "forgiven").status, "there was none")

	send("/slo/drill", "what", "broken")
	send("/slo/drill", "what", "broken") // twice is once
	until("gate frozen")
	require.Equal(t, 1, scan[int](s, "select count(*) from drills"))
	heard(t, conn, "slo.freeze")
	require.Equal(t, 1, scan[int](s, "select count(*) from tenon.notifications where kind = 'slo.freeze' and destination = 'channel'"), "told once")
	key := printed(s)["PRO_KEY"]
	require.Eventually(t, func() bool { return s.ask(key, "/api/quotes", "").status == http.StatusServiceUnavailable }, inTime, 50*time.Millisecond)

	send("/slo/override", "hours", "2", "reason", "It mends the drill")
	until("It mends the drill")
	require.Contains(t, staff.get("/slo").body, "gate go")
	require.Empty(t, forPrograms.FindAllString(textOf(staff.get("/slo").body), -1), "instants and durations are written for people")
	id := override.FindStringSubmatch(staff.get("/slo").body)
	require.NotNil(t, id)
	send("/slo/override/revoke", "id", id[1])
	until("gate frozen")

	send("/slo/drill", "what", "mended")
	send("/slo/drill", "what", "forgiven")
	until("gate go")
	heard(t, conn, "slo.thaw")
	require.NotContains(t, staff.get("/slo").body, "take it out of the count", "it is")
}

// forPrograms finds instants and durations as programs write them.
var forPrograms = regexp.MustCompile(`\d{4}-\d\d-\d\d|\d\d:\d\d:\d\dZ|\d+m\d+s`)

var tags = regexp.MustCompile(`<[^>]*>`)

// textOf is what people read of a page.
func textOf(page string) string { return tags.ReplaceAllString(page, " ") }

var override = regexp.MustCompile(`name="id" value="([^"]+)"`)

// heard waits for a notification of a kind.
func heard(t *testing.T, conn *pgx.Conn, kind string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), inTime)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(ctx)
		require.NoError(t, err)
		if strings.Contains(n.Payload, `"kind":"`+kind+`"`) {
			return
		}
	}
}

func TestTheTrafficOfTheDemoIsMadeUpOnce(t *testing.T) {
	t.Parallel()
	pool, _ := filling(t)
	desk := ops.New(pool, &notifytest.Notifier{}, slog.New(slog.DiscardHandler))
	require.NoError(t, desk.Prepare(t.Context()))
	now := time.Now()
	made, err := desk.Seed(t.Context(), now)
	require.NoError(t, err)
	require.Greater(t, made, 30_000)
	again, err := desk.Seed(t.Context(), now)
	require.NoError(t, err)
	require.Zero(t, again)
	later, err := desk.Seed(t.Context(), now.Add(10*time.Minute))
	require.NoError(t, err)
	require.InDelta(t, 240, later, 24)
}

func TestThresholdsReachTheWebhook(t *testing.T) {
	t.Parallel()
	verifier := notifyhttp.Verifier{Secrets: []tenon.Secret{tenon.NewSecret("shared")}}
	arrived := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := verifier.Read(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		arrived <- n.Kind + " of " + n.Tenant
	}))
	t.Cleanup(hook.Close)
	s := newSiteWith(t, map[string]string{"TRANSBOT_WEBHOOK_URL": hook.URL, "TRANSBOT_WEBHOOK_SECRET": "shared"})
	key := s.company("acme", "starter") // told at 50
	s.uses("acme", "rates", 49)
	const toldSQL = "select count(*) from tenon.notifications where kind = 'entitlements.threshold' and tenant_id = 'acme'"
	require.Zero(t, scan[int](s, toldSQL))
	require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
	require.Equal(t, 2, scan[int](s, toldSQL), "one for each destination, in the transaction of the quote")
	require.Equal(t, "entitlements.threshold of acme", <-arrived)
	require.Eventually(t, func() bool { return scan[int](s, toldSQL+" and state = 'delivered'") == 2 }, inTime, 50*time.Millisecond)
}
