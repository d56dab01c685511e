package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/examples/transbot/internal/control"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/web"
)

// forms are what the pages' forms send when all is well, by their routes. A form without an entry fails the test.
var forms = map[string][]string{
	"POST /signin":                      {"key", "tb_of_nobody"},
	"POST /signout":                     {},
	"POST /invitations/{token}":         {"answer", "accept"},
	"POST /companies/{company}/rates":   {"origin", "Reno, NV", "destination", "Miami, FL", "weight_kg", "1200", "pallets", "2", "key", "k"},
	"POST /calculator":                  {"what", "trial", "lanes", "40", "email", "bea@other.test"},
	"POST /signup/{lead}/{token}":       {"company", "Other", "city", "Reno, NV"},
	"POST /trials/{lead}/{move}":        {},
	"POST /companies/{company}/plan":    {"plan", "enterprise", "when", "now", "reason", "grew"},
	"POST /companies/{company}/grants":  {"feature", "rates", "amount", "25", "days", "30", "reason", "an outage"},
	"POST /companies/{company}/support": {"id", "01900000-0000-7000-8000-000000000001", "priority", "P3", "issue", "How?"},

	"POST /companies/{company}/overrides":                  {"feature", "rates", "hard", "400", "reason", "agreed"},
	"POST /companies/{company}/overrides/remove":           {"feature", "rates"},
	"POST /companies/{company}/rates/bulk":                 {"lanes", "Reno, NV; Miami, FL; 1200", "key", "b"},
	"POST /companies/{company}/rates/{quote}":              {"step", "send"},
	"POST /companies/{company}/support/{ticket}/{move}":    {"text", "More."},
	"POST /companies/{company}/directory":                  {"company_name", "Hauler", "service", "reefer", "region", "midwest"},
	"POST /companies/{company}/directory/{partner}/{move}": {"version", "1"},
	"POST /directory/{company}/{partner}/{move}":           {"version", "1"},
	"POST /companies/{company}/billing/subscribe":          {"plan", "pro", "interval", "month"},
	"POST /companies/{company}/billing/move":               {"plan", "enterprise"},
	"POST /companies/{company}/billing/cancel":             {"when", "now", "reason", "closing"},
	"POST /companies/{company}/billing/portal":             {},
	"POST /companies/{company}/billing/clock":              {"by", "day"},
	"POST /companies/{company}/billing/card":               {"card", "good"},
	"POST /companies/{company}/billing/webhooks":           {"lose", ""},
	"POST /companies/{company}/billing/reconcile":          {"dry", "yes"},
	"POST /companies/{company}/data/export":                {},
	"POST /companies/{company}/data/link":                  {"request", "{request}"},
	"POST /companies/{company}/data/delete":                {"name", "The acme company", "reason", "closing"},

	"POST /flags/{flag}/switch":   {"disabled", "yes", "reason", "a test"},
	"POST /flags/{flag}/change":   {"version", "{version}", "everyone", "on", "named", "theirs", "reason", "a test"},
	"POST /flags/{flag}/revert":   {"version", "1", "reason", "a test"},
	"POST /flags/{flag}/ramp":     {"stages", "5, 50, 100", "hours", "24", "reason", "a test"},
	"POST /flags/{flag}/advance":  {"reason", "a test"},
	"POST /flags/{flag}/pause":    {"reason", "a test"},
	"POST /flags/{flag}/resume":   {"reason", "a test"},
	"POST /flags/{flag}/rollback": {"reason", "a test"},

	"POST /slo/override":                      {"hours", "2", "reason", "a test"},
	"POST /slo/override/revoke":               {"id", "01900000-0000-7000-8000-000000000001"},
	"POST /slo/drill":                         {"what", "broken"},
	"POST /audit/verify":                      {},
	"POST /audit/tamper":                      {"what", "tampered"},
	"POST /control/restore":                   {},
	"POST /control/launch":                    {"at", "2026-03-10T09:00", "reason", "a test"},
	"POST /control/look":                      {"look", "smoke"},
	"POST /control/items":                     {"item", "okrs", "done", "yes", "note", "a test"},
	"POST /control/rollout":                   {"canaries", "acme", "reason", "a test"},
	"POST /control/rollout/next":              {"reason", "a test"},
	"POST /control/rollout/hold":              {"reason", "a test"},
	"POST /control/rollout/resume":            {"reason", "a test"},
	"POST /control/rollout/back":              {"reason", "a test"},
	"POST /isolation":                         {},
	"POST /privacy/requests":                  {"tenant", "acme", "request", "{request}", "what", "extended", "text", "busy"},
	"POST /privacy/holds":                     {"company", "theirs", "reason", "a lawsuit"},
	"POST /privacy/holds/release":             {"company", "acme", "hold", "01900000-0000-7000-8000-000000000001"},
	"POST /privacy/skip":                      {"days", "1"},
	"POST /support/findings":                  {"title", "An open door", "severity", "high", "source", "a test"},
	"POST /support/findings/{finding}/{move}": {"reason", "closed it"},
}

// scripts are what the pages' scripts send, likewise.
var scripts = map[string]string{
	"POST /tours/{tour}/advance":  `{"steps": 1, "version": 1}`,
	"POST /tours/{tour}/complete": `{"version": 1}`,
	"POST /tours/{tour}/dismiss":  `{"version": 1}`,
}

// queries are what pages need in their address.
var queries = map[string]string{
	"/audit/export": "format=jsonl", "/companies/{company}/audit/export": "format=jsonl",
}

// moves are what {move} and {step} stand for.
var moves = map[string]string{
	"/companies/{company}/support/{ticket}/{move}": "message", "/support/findings/{finding}/{move}": "fix",
	"/companies/{company}/directory/{partner}/{move}": "submit", "/directory/{company}/{partner}/{move}": "reject",
	"/api/quotes/{id}/{step}": "send", "/trials/{lead}/{move}": "resend",
}

// siege is a site with a company that has something of everything, a company that has nothing to do with it, and what
// everybody may try.
type siege struct {
	*site
	*contract
	ids                    map[string]string // of the company's things, as paths name them
	owner, stranger, staff member
	began                  time.Time
	used                   map[string]int64 // of the company's features by then
}

// member is somebody's browser with the token of their forms, and a key for each route, so that none is asked too often.
type member struct {
	browser
	token string
	keys  map[string]string
}

func newSiege(t *testing.T) *siege {
	t.Helper()
	database := newDatabase(t)
	pool, err := pgxpool.New(t.Context(), database)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	hush(t, pool)
	env := map[string]string{
		"DATABASE_URL": database, "TRANSBOT_ADMIN_KEY": adminKey, "STRIPE_API_BASE": fakeBase,
		"TRANSBOT_AUDIT_KEY": base64.StdEncoding.EncodeToString(make([]byte, 32)),
	}
	s := &siege{site: begin(t, func(name string) string { return env[name] }), contract: readContract(t)}
	s.pool, s.gate = pool, entitlements.NewGate(entitlementspg.New(pool, nil), nil)
	s.owner, s.stranger = s.member("acme"), s.member("theirs")
	s.staff = member{browser: s.signIn(adminKey)}
	s.staff.token = s.staff.csrf("/companies/acme")
	s.furnish()
	return s
}

// looks are those of the control room, which write what they find.
var looks = []string{control.Smoke, control.Objectives, control.Billing, control.Isolation}

// hush lets no look of the control room be taken on a platform that is yet to start: to it, another takes them all.
func hush(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `
insert into control_turns (job, next_at, busy_until)
select unnest($1::text[]), 'infinity', 'infinity'`, looks)
	require.NoError(t, err)
}

// hushed waits until the program has asked for its turns, which it does once.
func (s *siege) hushed() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		return scan[int](s.site, "select count(*) from control_turns where next_at < 'infinity'") == len(looks)
	}, time.Minute, 20*time.Millisecond)
}

// unhush lets looks be taken, by whoever asks for one.
func (s *siege) unhush() {
	s.t.Helper()
	_, err := s.pool.Exec(s.t.Context(), "update control_turns set next_at = 'infinity', busy_until = '-infinity'")
	require.NoError(s.t, err)
}

// member makes a company, and somebody of it.
func (s *siege) member(company string) member {
	m := member{browser: s.signIn(s.company(company, "pro")), keys: map[string]string{}}
	m.token = m.csrf("/companies/" + company)
	for _, r := range web.Routes() {
		if r.Access == web.KeyHolder {
			m.keys[name(r)] = s.key(freight.APIKey{CompanyID: company})
		}
	}
	return m
}

// in is the siege as a test of its own has it.
func (s *siege) in(t *testing.T) *siege {
	own, site := *s, *s.site
	site.t, own.site = t, &site
	return &own
}

func name(r web.Route) string { return r.Method + " " + r.Path }

// furnish gives the company something of everything.
func (s *siege) furnish() {
	key := s.owner.keys["GET /api/quotes"]
	page := draft(s.t, s.owner.browser, "Harbour Haulage")
	s.ids = map[string]string{
		"trials.name": "a-mail", "signup.token": strings.Repeat("a", 43),
		"company": "acme", "feature": "rates", "flag": "rates", "tour": "rates", "name": "quote_book",
		"quote":   s.ask(key, "/api/quotes", lane).field(s.t, "quote.id").(string),
		"ticket":  s.ask(key, "/api/support/tickets", `{"priority": "P3", "issue": "How?"}`).field(s.t, "id").(string),
		"partner": page[strings.LastIndex(page, "/")+1:],
		"record":  first(s.t, s.ask(key, "/api/audit/records?limit=1&order=oldest", ""), "records"),
	}
	require.Equal(s.t, http.StatusOK, s.ask(key, "/api/audit/export", "").status, "which seals the records so far")
	require.Equal(s.t, http.StatusSeeOther, s.owner.post("/companies/acme/data/export", "csrf", s.owner.token).status)
	s.ids["request"] = scan[string](s.site, "select id::text from tenon.gdpr_requests where tenant_id = 'acme'")
	require.Eventually(s.t, func() bool {
		return s.owner.get("/companies/acme/data/exports/"+s.ids["request"]).status == http.StatusOK
	}, time.Minute, 50*time.Millisecond)
	link := s.owner.post("/companies/acme/data/link", "csrf", s.owner.token, "request", s.ids["request"])
	s.ids["token"] = regexp.MustCompile(`/exports/([^<"\s]+)`).FindStringSubmatch(link.body)[1]
	r := s.staff.post("/flags/bulk_rating/change", "csrf", s.staff.token, "version", "1", "named", "acme", "reason", "to try it")
	require.Equal(s.t, http.StatusSeeOther, r.status, r.body)
	r = s.staff.post("/support/findings", append([]string{"csrf", s.staff.token}, forms["POST /support/findings"]...)...)
	require.Equal(s.t, http.StatusSeeOther, r.status, r.body)
	s.ids["finding"] = scan[string](s.site, "select id::text from tenon.findings")
	job := `{"lanes": [` + lane + `]}`
	s.ids["job"] = s.ask(key, "/api/quotes/bulk", job).field(s.t, "job").(string)
	r = s.ask("", "/api/trials", `{"email": "ann@other.test", "lanes": 40}`)
	require.Equal(s.t, http.StatusCreated, r.status, r.body)
	s.ids["lead"] = scan[string](s.site, "select id::text from trial_leads")
	require.Eventually(s.t, func() bool { // the mail is sent in the background
		return scan[bool](s.site, "select token_hash is not null from trial_leads")
	}, time.Minute, 50*time.Millisecond)
	s.hushed()
	require.Eventually(s.t, func() bool { return scan[int](s.site, "select count(*) from tenon.kpi_pending") == 0 }, time.Minute, 20*time.Millisecond)
	s.used = map[string]int64{}
	for _, feature := range []string{"rates", "bulk_rating", "api_access", "directory"} {
		s.used[feature], _ = s.left("acme", feature)
	}
	s.began = scan[time.Time](s.site, "select clock_timestamp()")
}

// idOf is what {id} stands for below a path of the API.
func (s *siege) idOf(path string) string {
	kind := strings.Split(strings.TrimPrefix(path, "/api"), "/")[1]
	return s.ids[map[string]string{"quotes": "quote", "support": "ticket", "audit": "record", "partners": "partner"}[kind]]
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// path is a route's path with what is the company's own in it; what odd names has something else.
func (s *siege) path(r web.Route, odd map[string]string) string {
	return placeholder.ReplaceAllStringFunc(strings.TrimSuffix(r.Path, "{$}"), func(p string) string {
		name := strings.Trim(p, "{}")
		value, changed := odd[name]
		special, ok := s.ids[strings.Split(r.Path, "/")[1]+"."+name]
		switch {
		case changed:
			return value
		case ok:
			return special
		case name == "id":
			return s.idOf(r.Path)
		case moves[r.Path] != "" && (name == "move" || name == "step"):
			return moves[r.Path]
		}
		require.Contains(s.t, s.ids, name, "%s: say what {%s} stands for", r.Path, name)
		return s.ids[name]
	})
}

// body is what a route is sent when all is well, and its media type.
func (s *siege) body(r web.Route, token string) (kind, body string) {
	if r.Method == http.MethodGet {
		return "", ""
	}
	if r.API() {
		for kind := range s.of(documented(r), "requestBody", "content").(map[string]any) {
			example := s.of(documented(r), "requestBody", "content", kind, "example")
			if text, ok := example.(string); ok {
				return kind, text
			}
			body, err := json.Marshal(example)
			require.NoError(s.t, err)
			return kind, string(body)
		}
	}
	if script, ok := scripts[name(r)]; ok {
		return "application/json", script
	}
	require.Contains(s.t, forms, name(r), "say what the form sends")
	form := url.Values{}
	for i := 0; i < len(forms[name(r)]); i += 2 {
		form.Set(forms[name(r)][i], forms[name(r)][i+1])
		switch form.Get(forms[name(r)][i]) {
		case "{request}":
			form.Set("request", s.ids["request"])
		case "{version}":
			form.Set("version", scan[string](s.site, "select version::text from tenon.flags where key = 'rates'"))
		}
	}
	if token != "" {
		form.Set("csrf", token)
	}
	return "application/x-www-form-urlencoded", form.Encode()
}
