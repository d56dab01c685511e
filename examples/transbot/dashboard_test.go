package main

import (
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/insight"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/notify/notifytest"
	"github.com/transbotai/tenon/slo"
)

// cardOf returns the part of the dashboard that shows a figure.
func cardOf(t *testing.T, page reply, id string) string {
	t.Helper()
	require.Equal(t, http.StatusOK, page.status, page.body)
	_, rest, found := strings.Cut(page.body, `aria-labelledby="m-`+id+`"`)
	require.True(t, found, page.body)
	body, _, _ := strings.Cut(rest, "</section>")
	return html.UnescapeString(body)
}

var cards = []string{"quote-book", "onboard", "trials", "uptime", "latency", "agents"}

func TestTheDashboardIsForTheStaffAndStandsWithoutData(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	require.Equal(t, "/signin", s.browser().get("/dashboard").header.Get("Location"))
	require.Equal(t, http.StatusNotFound, s.signIn(s.company("acme", "pro")).get("/dashboard").status)
	staff := s.signIn(adminKey)
	page := staff.get("/dashboard")
	for _, id := range []string{"quote-book", "onboard", "trials", "latency", "agents"} {
		card := cardOf(t, page, id)
		require.Contains(t, card, "no data")
		require.Contains(t, card, "<strong>–</strong>")
	}
	require.Equal(t, 6, strings.Count(page.body, `class="card metric"`), "three of each, and no more")
	require.Contains(t, page.body, "one may release is not known")
	require.Equal(t, http.StatusOK, staff.get("/dashboard?days=90").status)
	require.Equal(t, http.StatusBadRequest, staff.get("/dashboard?days=7").status)
}

func TestTheDashboardSaysWhatTheFiguresSay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.company("acme", "pro")
	track(s, 20, 40, 30) // days ago, sent, accepted
	track(s, 45, 40, 22)
	staff := s.signIn(adminKey)

	card := cardOf(t, staff.get("/dashboard"), "quote-book")
	for _, want := range []string{"<strong>75 %</strong>", "target ≥ 45 %", "✓</span> on target", "▲</span> 20 points more than in the 30 days before", "<dd>40</dd>", "newest event less than a minute ago"} {
		require.Contains(t, card, want)
	}
	require.Contains(t, cardOf(t, staff.get("/dashboard?days=90"), "quote-book"), "<strong>65 %</strong>", "52 of 80")

	desk := insight.New(s.pool, ops.Tell, slog.New(slog.DiscardHandler))
	now := time.Now().UTC()
	report, err := desk.Board.Read(t.Context(), kpi.Query{
		KPI: insight.QuoteBook, From: now.Truncate(24*time.Hour).AddDate(0, 0, -37), To: now,
	})
	require.NoError(t, err)
	require.Equal(t, int64(40), report.Total.Sample)
	require.Len(t, svgTitles.FindAllString(card, -1), len(report.Points), "a bar for each")
	for _, p := range report.Points {
		date := p.Start.Format("2 Jan 2006")
		require.Contains(t, card, fmt.Sprintf(">%s: %d of %d", date, p.Count, p.Sample))
		require.Contains(t, card, fmt.Sprintf("<th scope=\"row\">%s</th><td class=\"number\">%d</td><td class=\"number\">%d</td>", date, p.Sample, p.Count))
		if p.Known { // 0 % stands at 164, 100 % at 12
			require.Contains(t, card, fmt.Sprintf(`cy="%v"`, 164-p.Value*152))
		}
	}
	require.Contains(t, card, fmt.Sprintf(`<line class="goal" x1="64" x2="632" y1="%v"`, 164-0.45*152))
}

// svgTitles finds what the bars of a plot say.
var svgTitles = regexp.MustCompile(`<rect class="sample[^>]*><title>`)

// track tells of quotes that were sent on a day, and of those among them that were accepted.
func track(s *site, daysAgo, sent, accepted int) {
	s.t.Helper()
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -daysAgo)
	var events []kpi.Event
	for i := range sent {
		quote := fmt.Sprintf("q-%d-%d", daysAgo, i)
		events = append(events, insight.Deed{Company: "acme", At: day.Add(time.Hour)}.Sent(quote, 1))
		if i < accepted {
			events = append(events, insight.Deed{Company: "acme", At: day.Add(2 * time.Hour)}.Accepted(quote, time.Hour))
		}
	}
	tx, err := s.pool.Begin(s.t.Context())
	require.NoError(s.t, err)
	require.NoError(s.t, insight.Track(s.t.Context(), tx, events...))
	require.NoError(s.t, tx.Commit(s.t.Context()))
}

func TestTheDashboardSaysWhatTheObjectivesSay(t *testing.T) {
	t.Parallel()
	s := siteOver(t, func(pool *pgxpool.Pool) {
		tasks(t, pool, 5*time.Minute, 96, 4)
		tasks(t, pool, 70*time.Minute, 99, 1)
	})
	staff := s.signIn(adminKey)
	var page reply
	require.Eventually(t, func() bool {
		page = staff.get("/dashboard")
		return strings.Contains(cardOf(t, page, "agents"), "<dd>100</dd>") && strings.Contains(page.body, "releases are frozen")
	}, inTime, 50*time.Millisecond)
	card := cardOf(t, page, "agents")
	for _, want := range []string{"<strong>96 %</strong>", "target ≥ 98 %", "✗</span> below target", "▼</span> 3 points less than in the hour before", "<dd>200 %</dd>", "4 of 100 bad"} {
		require.Contains(t, card, want)
	}
	require.Contains(t, page.body, "below it Agent success")
	require.Contains(t, page.body, "Agent success uses 200 % of its budget: releases are frozen.")

	board := ops.New(s.pool, &notifytest.Notifier{}, slog.New(slog.DiscardHandler)).Board
	report, err := board.Current(t.Context())
	require.NoError(t, err)
	status, ok := report.Status(slo.Key{Name: ops.AgentSuccess})
	require.True(t, ok)
	require.Equal(t, int64(4), status.Count.Bad())
	require.InDelta(t, 2, status.Consumed, 1e-9)
}

// siteOver starts the platform on a database with a past, which objectives are counted from when it starts.
func siteOver(t *testing.T, past func(*pgxpool.Pool)) *site {
	t.Helper()
	all, err := sets()
	require.NoError(t, err)
	database := pgtest.Database(t, all...)
	pool, err := pgxpool.New(t.Context(), database)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	past(pool)
	env := map[string]string{"DATABASE_URL": database, "TRANSBOT_ADMIN_KEY": adminKey}
	s := begin(t, func(name string) string { return env[name] })
	s.pool = pool
	return s
}

// tasks adds tasks of agents that ended some time ago.
func tasks(t *testing.T, pool *pgxpool.Pool, ago time.Duration, succeeded, failed int) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `
insert into agent_tasks (company_id, id, kind, created_at, started_at, ended_at, status)
select 'acme', gen_random_uuid(), 'rate_lanes', at, at, at, case when i > $2::int then 'failed' else 'succeeded' end
from generate_series(1, $2::int + $3::int) i, (
  select now() - $1::interval as at) t`, ago, succeeded, failed)
	require.NoError(t, err)
}

func TestTheDashboardStandsWhenAPartOfItFails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.company("acme", "pro")
	track(s, 20, 40, 30)
	staff := s.signIn(adminKey)
	_, err := s.pool.Exec(t.Context(), "alter function tenon.kpi_ended_trials(timestamptz) rename to kpi_away")
	require.NoError(t, err)
	page := staff.get("/dashboard")
	require.Contains(t, cardOf(t, page, "trials"), "This cannot be shown just now.")
	require.Contains(t, cardOf(t, page, "quote-book"), "75 %")
	require.Equal(t, 1, strings.Count(page.body, "This cannot be shown just now."))
	require.Contains(t, page.body, "no verdict on Invite → onboard, Trial → paid")
	require.NotContains(t, page.body, "kpi_ended_trials", "what broke is for the log")
	require.Contains(t, s.log.String(), "kpi_ended_trials")
}

func TestTheDashboardSaysThatItsDataIsOld(t *testing.T) {
	t.Parallel()
	s := siteOver(t, func(pool *pgxpool.Pool) { tasks(t, pool, 40*time.Minute, 10, 0) })
	track(s, 20, 40, 30)
	staff := s.signIn(adminKey)
	require.Eventually(t, func() bool {
		card := cardOf(t, staff.get("/dashboard"), "agents")
		return strings.Contains(card, "<strong>100 %</strong>") && strings.Contains(card, "it may be out of date")
	}, inTime, 50*time.Millisecond)

	require.Eventually(t, func() bool { return scan[int](s, "select count(*) from tenon.kpi_pending") == 0 }, inTime, 20*time.Millisecond)
	_, err := s.pool.Exec(t.Context(), "update tenon.kpi_freshness set received_at = now() - interval '3 days'")
	require.NoError(t, err)
	env := map[string]string{"DATABASE_URL": s.pool.Config().ConnString(), "TRANSBOT_ADMIN_KEY": adminKey}
	staff = begin(t, func(name string) string { return env[name] }).signIn(adminKey) // the other has the figures in memory
	require.Contains(t, cardOf(t, staff.get("/dashboard"), "quote-book"), "newest event 3 days ago: it may be out of date")
}

// requireDashboard looks at the dashboard of a demo: every plot is drawn, named and described, and has its values below.
func requireDashboard(t *testing.T, s *site, staff browser) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(staff.get("/dashboard").body, "releases may go") }, inTime, 100*time.Millisecond)
	page := staff.get("/dashboard?days=90")
	for _, id := range cards {
		card := cardOf(t, page, id)
		require.Regexp(t, `<svg class="plot[^"]*" viewBox="0 0 640 190" role="img"><title>[^<]+</title><desc>[^<]+</desc>`, card)
		require.Contains(t, card, "<polyline class=\"curve\"")
		require.Contains(t, card, "<summary>What it says, in numbers")
		require.Greater(t, strings.Count(card, `<th scope="row">`), 1)
	}
	trials := scan[string](s, "select sum(trials_ended)::text from tenon.kpi_trial_conversion")
	require.Contains(t, cardOf(t, page, "trials"), "<dd>"+trials+"</dd>", "as the view has it")
	open := scan[string](s, `select count(*)::text from tenon.kpi_ended_trials(now() - interval '30 days') where not converted`)
	require.Contains(t, cardOf(t, page, "trials"), "Of those that did not, "+open+" still may.")
	require.NotContains(t, page.body, tenon.ErrUnavailable.Error())
}
