package main

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAQuoteLeavesAnEventAtEveryStep(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("acme", "pro")
	r := s.ask(key, "/api/quotes", lane)
	require.Equal(t, http.StatusCreated, r.status, r.body)
	quote := "/api/quotes/" + r.field(t, "quote.id").(string)
	require.Equal(t, http.StatusConflict, s.ask(key, quote+"/accept", `{}`).status, "it was not sent")
	for _, step := range []struct{ word, status, body string }{
		{"send", "sent", `{"recipients": 3}`}, {"accept", "accepted", `{}`}, {"book", "booked", `{}`},
	} {
		for range 2 {
			r := s.ask(key, quote+"/"+step.word, step.body)
			require.Equal(t, http.StatusOK, r.status, r.body)
			require.Equal(t, step.status, r.field(t, "status"))
		}
	}
	require.Equal(t, http.StatusNotFound, s.ask(s.company("zenith", "pro"), quote+"/send", `{}`).status, "another company's")
	require.Equal(t, http.StatusNotFound, s.ask(key, quote+"/burn", `{}`).status)
	require.Equal(t, http.StatusBadRequest, s.ask(key, quote+"/send", `{"recipients": 101}`).status)

	const told = "select string_agg(event_name || ' ' || (properties - 'quote_id' - 'amount' - 'acceptance_time_hours' - 'booking_value')::text, ', ' order by occurred_at) from tenon.events"
	require.Equal(t, `quote_created {"lanes": 1}, quote_sent {"recipients": 3}, quote_accepted {}, load_booked {}`, scan[string](s, told))
	figures := s.ask(key, "/api/kpi/quote_book?last=1", "")
	require.Equal(t, http.StatusOK, figures.status, figures.body)
	require.Contains(t, figures.body, `"sample":1,"count":1`)
	require.Contains(t, s.ask(s.company("other", "pro"), "/api/kpi/quote_book?last=1", "").body, `"sample":0,"count":0`)
}

func TestARefusedQuoteLeavesNoEvent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("acme", "starter")
	for range 101 {
		s.ask(key, "/api/quotes", lane)
	}
	require.Equal(t, scan[int](s, "select count(*) from public.quotes"), scan[int](s, "select count(*) from tenon.events"))
}

func TestEventsOfOthersComeInByTheAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("acme", "pro")
	const body = `{"events": [{"event": "directory_invited", "id": "p1", "properties": {"partner_id": "p1", "partner_type": "carrier"}}]}`
	require.Equal(t, http.StatusUnauthorized, s.ask("", "/api/events", body).status)
	for _, outcome := range []string{"accepted", "duplicate"} {
		r := s.ask(key, "/api/events", body)
		require.Equal(t, http.StatusAccepted, r.status, r.body)
		require.Contains(t, r.body, outcome)
	}
	for _, bad := range []string{
		`{"events": [{"event": "unheard_of"}]}`, `{"events": [{"event": "directory_invited", "properties": {"partner_id": 7}}]}`,
	} {
		require.Equal(t, http.StatusBadRequest, s.ask(key, "/api/events", bad).status)
	}
	require.Equal(t, "acme", scan[string](s, "select tenant_id from tenon.events"))
}

func TestTheFiguresAreForTheStaff(t *testing.T) {
	t.Parallel()
	s := newSite(t, "-demo")
	company := s.signIn(s.company("acme", "pro"))
	for _, path := range []string{"/kpi", "/kpi/data/quote_book"} {
		require.Equal(t, http.StatusNotFound, company.get(path).status)
		require.Equal(t, "/signin", s.browser().get(path).header.Get("Location"))
	}
	staff := s.signIn(adminKey)
	page := staff.get("/kpi?zone=America/Chicago")
	require.Equal(t, http.StatusOK, page.status, page.body)
	for _, want := range []string{"Quote → book", "Invite → onboard", "Trial → paid", "Created → booked", "Target", "Freshness", "polyline", "Use by plan"} {
		require.Contains(t, page.body, want)
	}
	require.Equal(t, http.StatusBadRequest, staff.get("/kpi?zone=Mars/Phobos").status)
	require.NotContains(t, staff.get("/kpi?company=harborline-logistics").body, "Use by plan")

	data := staff.get("/kpi/data/quote_book?format=csv&zone=America/Chicago")
	require.Equal(t, http.StatusOK, data.status)
	lines, err := csv.NewReader(strings.NewReader(data.body)).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 31)

	requireDashboard(t, s, staff)
}

func TestTheDemosFiguresAreThoseOfItsTables(t *testing.T) {
	t.Parallel()
	s := newSite(t, "-demo")
	require.Zero(t, scan[int](s, `
select count(*)
from public.quotes q
where q.created_at > now() - interval '89 days'
  and (q.sent_at is not null) <> exists (
    select
    from tenon.events e
    where e.tenant_id = q.company_id
      and e.event_name = 'quote_sent'
      and e.properties ->> 'quote_id' = q.id::text)`))
	view := scan[string](s, "select sum(quotes) || ' ' || sum(accepted) from tenon.kpi_quote_book")
	table := scan[string](s, `
select count(*) || ' ' || count(accepted_at)
from public.quotes
where sent_at >= (current_date - 29)::timestamptz`)
	require.Equal(t, table, view, "the view is kept by rollups")
	var invited, onboarded int
	require.NoError(t, s.pool.QueryRow(t.Context(), "select invited, onboarded from tenon.kpi_directory_onboard").Scan(&invited, &onboarded))
	require.Positive(t, onboarded)
	require.LessOrEqual(t, onboarded, invited)
	require.Positive(t, scan[int](s, "select sum(trials_ended) from tenon.kpi_trial_conversion"))
	require.True(t, scan[bool](s, `
select (
  select count(*)
  from tenon.usage_events
  where corrects is null
    and occurred_at >= now() - interval '30 days'
    and occurred_at <= now()
) = (
  select sum(usage_count)
  from tenon.kpi_feature_usage
)`), "every use has a plan")
}
