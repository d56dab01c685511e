package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

var ticketLink = regexp.MustCompile(`href="(/companies/acme/support/[0-9a-f-]+)"`)

// ask opens a ticket as acme's people do, and returns its page.
func askForHelp(t *testing.T, person browser, priority, issue string) (page string) {
	t.Helper()
	r := person.post("/companies/acme/support", "csrf", person.csrf("/companies/acme/support"),
		"id", tenon.NewID(time.Now()), "priority", priority, "issue", issue)
	require.Equal(t, http.StatusSeeOther, r.status, r.body)
	m := ticketLink.FindStringSubmatch(person.get("/companies/acme/support").body)
	require.NotNil(t, m)
	return m[1]
}

func TestATicketOfAProgram(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("acme", "pro")
	r := s.ask(key, "/api/support/tickets", `{"priority": "P1", "issue": "quotes fail", "sla_hours": 99, "created_at": "2001-01-01T00:00:00Z"}`)
	require.Equal(t, http.StatusCreated, r.status, r.body)
	require.Equal(t, 4.0, r.field(t, "sla_hours"))
	require.NotContains(t, r.body, "2001")
	id := r.field(t, "id").(string)
	require.Equal(t, "open", s.ask(key, "/api/support/tickets/"+id, "").field(t, "state"))
	other := s.company("globex", "pro")
	require.Equal(t, http.StatusNotFound, s.ask(other, "/api/support/tickets/"+id, "").status)
	require.Equal(t, http.StatusUnauthorized, s.ask("", "/api/support/tickets", "").status)
	require.Equal(t, http.StatusBadRequest, s.ask(key, "/api/support/tickets", `{"priority": "P0", "issue": "x"}`).status)
}

func TestPeopleAndStaffTalk(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	person, staff := s.signIn(s.company("acme", "pro")), s.signIn(adminKey)
	page := askForHelp(t, person, "P2", "the invoice is <wrong>")
	require.Contains(t, person.get(page).body, "the invoice is &lt;wrong&gt;")
	require.Contains(t, staff.get("/support").body, page)
	move := func(b browser, what string, fields ...string) reply {
		return b.post(page+"/"+what, append(fields, "csrf", b.csrf(page))...)
	}
	require.Equal(t, http.StatusSeeOther, move(staff, "note", "text", "an old friend").status)
	require.Equal(t, http.StatusSeeOther, move(staff, "reply", "text", "which line of it?").status)
	body := person.get(page).body
	require.Contains(t, body, "which line of it?")
	require.NotContains(t, body, "an old friend")
	require.Contains(t, staff.get(page).body, "an old friend")
	require.Equal(t, http.StatusSeeOther, move(person, "message", "text", "the third").status)
	require.Equal(t, http.StatusSeeOther, move(staff, "solve", "text", "it is right now").status)
	require.Equal(t, http.StatusSeeOther, move(person, "reopen", "text", "no").status)
	require.Equal(t, http.StatusConflict, move(person, "reopen", "text", "no").status)
	for _, what := range []string{"note", "solve", "close", "prioritise", "acknowledge"} {
		require.Equal(t, http.StatusNotFound, move(person, what, "text", "x").status, "that is for the staff: %s", what)
	}
	require.Equal(t, http.StatusNotFound, move(staff, "delete").status)

	require.Equal(t, http.StatusSeeOther, move(staff, "acknowledge").status)
	require.Equal(t, http.StatusSeeOther, move(staff, "pend", "text", "which number is it?").status)
	require.Contains(t, person.get(page).body, "waiting for the customer")
	require.Equal(t, http.StatusConflict, move(staff, "close").status, "it is not solved")
	require.Equal(t, http.StatusSeeOther, move(staff, "resume").status)
	require.Equal(t, http.StatusSeeOther, move(staff, "solve", "text", "number 7, it is right now").status)
	r := move(staff, "close")
	require.Equal(t, http.StatusSeeOther, r.status)
	require.Contains(t, staff.get(r.header.Get("Location")).body, "Done.")
}

func TestAnotherCompanysTicketIsNotThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	page := askForHelp(t, s.signIn(s.company("acme", "pro")), "P3", "a question")
	other := s.signIn(s.company("globex", "pro"))
	require.Equal(t, http.StatusNotFound, other.get(page).status)
	moved := strings.Replace(page, "acme", "globex", 1)
	require.Equal(t, http.StatusNotFound, other.get(moved).status, "nor under its own name")
	csrf := other.csrf("/companies/globex/support")
	require.Equal(t, http.StatusNotFound, other.post(moved+"/message", "csrf", csrf, "text", "x").status)
	require.Equal(t, http.StatusNotFound, other.get("/support").status)
	require.Equal(t, http.StatusNotFound, other.get("/support/findings").status)
	require.Equal(t, http.StatusNotFound, other.post("/support/findings", "csrf", csrf, "title", "x", "severity", "low").status)
}

func TestSendingTheSameFormAgainOpensNoTicket(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	person := s.signIn(s.company("acme", "pro"))
	csrf, id := person.csrf("/companies/acme/support"), tenon.NewID(time.Now())
	for range 2 {
		r := person.post("/companies/acme/support", "csrf", csrf, "id", id, "priority", "P3", "issue", "once")
		require.Equal(t, http.StatusSeeOther, r.status, r.body)
	}
	require.Len(t, ticketLink.FindAllString(person.get("/companies/acme/support").body, -1), 1)
	r := person.post("/companies/acme/support", "csrf", csrf, "id", id, "priority", "P3", "issue", "")
	require.Equal(t, http.StatusBadRequest, r.status)
	require.Equal(t, http.StatusForbidden, person.post("/companies/acme/support", "priority", "P3", "issue", "x").status, "without a token")
}

func TestWhoHasNoPlanMayAskToo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	page := askForHelp(t, s.signIn(s.company("acme", "")), "P2", "which plan is right for us?")
	require.Contains(t, s.signIn(adminKey).get(page).body, "which plan is right for us?")
}

func TestATourIsShownOnceOnEveryDevice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("acme", "pro")
	shown := func(b browser) bool { return strings.Contains(b.get(ratesOf).body, `data-tour="rates"`) }
	phone, desktop := s.signIn(key), s.signIn(key)
	require.True(t, shown(phone))
	require.Contains(t, phone.get(ratesOf).body, "Welcome to Rates!")
	require.Contains(t, phone.get(ratesOf).body, "Start Tour")
	require.False(t, shown(s.signIn(adminKey)), "the staff knows its way")
	tell := func(b browser, what, body string) reply {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/tours/rates/"+what, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		return s.do(b.client, r)
	}
	require.Equal(t, http.StatusOK, tell(phone, "advance", `{"steps": 1}`).status)
	require.Contains(t, desktop.get(ratesOf).body, `data-done="1"`, "it goes on there")
	require.Equal(t, http.StatusOK, tell(desktop, "complete", `{}`).status)
	require.False(t, shown(phone))
	require.False(t, shown(s.signIn(key)))
	require.Contains(t, phone.get("/companies/acme").body, ratesOf+"?tour=rates", "there is a place to take it again")
	require.Contains(t, phone.get(ratesOf+"?tour=rates").body, `data-tour="rates"`)
	require.NotContains(t, phone.get(ratesOf+"?tour=nothing").body, "data-tour")
	require.True(t, shown(s.signIn(s.key(freight.APIKey{CompanyID: "acme"}))), "somebody else has not seen it")
	require.Equal(t, "completed", s.ask(key, "/api/tours/rates/dismiss", `{}`).field(t, "end"), "programs are told the same, and an end stays")
}

func TestFindingsAreKept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	staff := s.signIn(adminKey)
	post := func(path string, fields ...string) reply {
		return staff.post(path, append(fields, "csrf", staff.csrf("/support/findings"))...)
	}
	require.Equal(t, http.StatusSeeOther, post("/support/findings", "title", "a weak cipher", "severity", "high").status)
	require.Equal(t, http.StatusBadRequest, post("/support/findings", "title", "", "severity", "high").status)
	page := staff.get("/support/findings").body
	require.Contains(t, page, "a weak cipher")
	m := regexp.MustCompile(`/support/findings/([0-9a-f-]+)/fix`).FindStringSubmatch(page)
	require.NotNil(t, m)
	at := "/support/findings/" + m[1]
	require.Equal(t, http.StatusBadRequest, post(at+"/accept", "approver", "the CTO", "days", "4000", "reason", "x").status)
	require.Equal(t, http.StatusSeeOther, post(at+"/accept", "approver", "the CTO", "days", "30", "reason", "inside alone").status)
	require.Contains(t, staff.get("/support/findings").body, "the CTO answers for it")
	require.Equal(t, http.StatusSeeOther, post(at+"/fix", "reason", "switched off").status)
	require.Contains(t, staff.get("/support/findings").body, "1 of 1")
	require.Equal(t, http.StatusSeeOther, post(at+"/reopen", "reason", "it came back").status)
	require.Equal(t, http.StatusNotFound, post("/support/findings/"+tenon.NewID(time.Now())+"/fix", "reason", "x").status)
}

// helpOf returns a desk beside the program's own, over the same database.
func helpOf(s *site) *support.Desk { return support.NewDesk(supportpg.New(s.pool, nil)) }

func TestACustomerSeesNothingOfWhoDoesWhatInTheHouse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("acme", "pro")
	person, staff := s.signIn(key), s.signIn(adminKey)
	page := askForHelp(t, person, "P2", "the invoice is wrong")
	id := page[strings.LastIndex(page, "/")+1:]
	csrf := staff.csrf(page)
	require.Equal(t, http.StatusSeeOther, staff.post(page+"/prioritise", "csrf", csrf, "priority", "P1", "text", "their lawyer called").status)
	_, err := helpOf(s).Assign(t.Context(), support.Ref{Tenant: "acme", ID: id}, "Carla of support")
	require.NoError(t, err)
	for _, body := range []string{
		person.get(page).body, person.get("/companies/acme/support").body, s.ask(key, "/api/support/tickets/"+id, "").body,
	} {
		require.NotContains(t, body, "lawyer")
		require.NotContains(t, body, "Carla")
	}
	require.Contains(t, staff.get(page).body, "lawyer")
	require.Contains(t, staff.get(page).body, "Carla")
}

func TestTheDeskShowsWhoWaitsLongestHoweverManyWereSolvedSince(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.company("acme", "pro")
	open := func(issue string) support.Ref {
		ticket, err := helpOf(s).Open(t.Context(), support.NewTicket{Tenant: "acme", Priority: support.P3, Issue: issue})
		require.NoError(t, err)
		return ticket.Ref
	}
	open("forgotten by everybody")
	for range 101 {
		_, err := helpOf(s).Solve(t.Context(), open("quickly done"), "")
		require.NoError(t, err)
	}
	require.Contains(t, s.signIn(adminKey).get("/support").body, "forgotten by everybody")
}
