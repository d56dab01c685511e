package main

import (
	"encoding/base64"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit"
)

// auditSeed is the seed of the tests' signer.
var auditSeed = []byte(strings.Repeat("a", seedSize))

// signedSite starts the platform with a signed log that is anchored in a file.
func signedSite(t *testing.T, args ...string) *site {
	t.Helper()
	return newSiteWith(t, map[string]string{
		"TRANSBOT_AUDIT_KEY":    base64.StdEncoding.EncodeToString(auditSeed),
		"TRANSBOT_AUDIT_ANCHOR": filepath.Join(t.TempDir(), "checkpoints"),
	}, args...)
}

func TestWhatIsChangedIsRecordedWithWhoDidIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("acme", "starter")
	require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
	require.Equal(t, http.StatusCreated, s.ask(key, "/api/support/tickets", `{"priority": "P3", "issue": "How?"}`).status)
	staff := s.signIn(adminKey)
	token := staff.csrf("/companies/acme")
	require.Equal(t, http.StatusSeeOther, staff.post("/companies/acme/plan", "csrf", token, "plan", "pro", "when", "now", "reason", "signed the contract").status)
	require.Equal(t, http.StatusForbidden, staff.post("/companies/acme/plan", "plan", "starter", "reason", "x").status, "a form of nobody's")

	actor := "key:" + scan[string](s, "select id::text from api_keys where company_id = 'acme'")
	for _, want := range [][4]string{
		{"INSERT", "public.quotes", actor, "succeeded"}, // the trigger knows who acts
		{"POST /api/support/tickets", "path", actor, "succeeded"},
		{"POST /companies/{company}/plan", "path", "staff", "succeeded"},
		{"POST /companies/{company}/plan", "path", "staff", "denied"},
		{"entitlements.plan_changed", "entitlement", "staff", "succeeded"},
	} {
		require.Eventually(t, func() bool {
			return scan[int](s, `
select count(*)
from tenon.audit_log
where tenant_id = 'acme'
  and action = $1
  and target = $2
  and actor = $3
  and outcome = $4`, want[0], want[1], want[2], want[3]) == 1
		}, inTime, 20*time.Millisecond, "%v", want)
	}
	require.Zero(t, scan[int](s, "select count(*) from tenon.audit_log where action = 'POST /api/quotes'"), "its record is the trigger's")
	require.Equal(t, 1, scan[int](s, `
select count(distinct request_id)
from tenon.audit_log
where tenant_id = 'acme'
  and action in ('POST /api/support/tickets', 'support.ticket_opened')
  and request_id <> ''`), "one request, one id")
	require.Contains(t, scan[string](s, "select payload::text from tenon.audit_log where action = 'POST /companies/{company}/plan' and outcome = 'succeeded'"), "signed the contract")
	require.Zero(t, scan[int](s, "select count(*) from tenon.audit_log where payload::text like '%' || $1 || '%'", token), "no token is recorded")
	require.Positive(t, scan[int](s, "select count(*) from tenon.audit_log where actor = 'job:start' and tenant_id = ''"), "the catalogue")
}

func TestACompanySeesItsOwnRecordsAlone(t *testing.T) {
	t.Parallel()
	s := signedSite(t)
	acme, bolt := s.company("acme", "pro"), s.company("bolt", "pro")
	for _, key := range []string{acme, bolt} {
		require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
	}
	theirs := scan[string](s, "select id::text from tenon.audit_log where tenant_id = 'bolt' and action = 'INSERT' and target = 'public.quotes'")

	people := s.signIn(acme)
	require.Eventually(t, func() bool {
		page := people.get("/companies/acme/audit")
		return page.status == http.StatusOK && strings.Contains(page.body, "public.quotes")
	}, inTime, 20*time.Millisecond)
	for _, path := range []string{"/companies/acme/audit?tenant=bolt", "/companies/acme/audit?text=bolt", "/companies/acme/audit/export?format=jsonl&tenant=bolt"} {
		require.NotContains(t, people.get(path).body, theirs, path)
	}
	for _, path := range []string{"/audit", "/audit/export?format=csv", "/companies/bolt/audit", "/companies/bolt/audit/export?format=csv", "/isolation"} {
		require.Equal(t, http.StatusNotFound, people.get(path).status, path)
	}
	csrf := people.csrf("/companies/acme")
	for _, path := range []string{"/audit/verify", "/audit/tamper", "/isolation"} {
		require.Equal(t, http.StatusNotFound, people.post(path, "csrf", csrf, "what", "tampered").status, path)
	}

	require.Equal(t, http.StatusOK, s.ask(bolt, "/api/audit/records/"+theirs, "").status)
	require.Equal(t, http.StatusNotFound, s.ask(acme, "/api/audit/records/"+theirs, "").status)
	require.NotContains(t, s.ask(acme, "/api/audit/records", "").body, `"tenant":"bolt"`)
	require.Equal(t, http.StatusUnauthorized, s.ask("", "/api/audit/records", "").status)
}

func TestAnExportOfTheLogIsVerifiedElsewhere(t *testing.T) {
	t.Parallel()
	s := signedSite(t)
	require.Equal(t, http.StatusCreated, s.ask(s.company("acme", "pro"), "/api/quotes", lane).status)
	signer, err := audit.NewSigner(auditName, auditSeed)
	require.NoError(t, err)
	staff := s.signIn(adminKey)
	require.Eventually(t, func() bool {
		return strings.Contains(staff.get("/companies/acme/audit/export?format=csv").body, "succeeded")
	}, inTime, 20*time.Millisecond, "records are sealed soon after they were made")
	for _, path := range []string{"/audit/export?format=jsonl&tenant=acme", "/audit/export?format=csv", "/companies/acme/audit/export?format=csv"} {
		r := staff.get(path)
		require.Equal(t, http.StatusOK, r.status, r.body)
		require.Contains(t, r.header.Get("Content-Disposition"), "attachment; filename=\"audit-")
		summary, err := audit.VerifyExport(strings.NewReader(r.body), signer.Verifier())
		require.NoError(t, err, path)
		require.Positive(t, summary.Records)
		_, err = audit.VerifyExport(strings.NewReader(strings.Replace(r.body, "succeeded", "denied", 1)), signer.Verifier())
		require.ErrorIs(t, err, audit.ErrTampered, path)
	}
	require.Equal(t, http.StatusBadRequest, staff.get("/audit/export?format=xml").status)
	require.Equal(t, http.StatusConflict, newSite(t).export(), "nobody vouches for a log without a key")
}

// export asks a site without a key for an export.
func (s *site) export() int { return s.signIn(adminKey).get("/audit/export?format=csv").status }

var tamperedRecord = regexp.MustCompile(`changed record <code>([0-9a-f-]{36})</code>`)

func TestTamperingIsNamed(t *testing.T) {
	t.Parallel()
	s := signedSite(t, "-demo")
	require.Eventually(t, func() bool {
		return scan[int](s, "select count(*) from tenon.audit_leaves") > 0
	}, inTime, 100*time.Millisecond, "records are sealed soon after they were made")
	staff := s.signIn(adminKey)
	token := staff.csrf("/audit")
	verify := func() string {
		t.Helper()
		r := staff.post("/audit/verify", "csrf", token)
		require.Equal(t, http.StatusOK, r.status, r.body)
		return r.body
	}
	require.Contains(t, verify(), "nothing was tampered with")
	require.Equal(t, http.StatusSeeOther, staff.post("/audit/tamper", "csrf", token, "what", "tampered").status)
	require.Equal(t, http.StatusConflict, staff.post("/audit/tamper", "csrf", token, "what", "tampered").status, "one at a time")
	named := tamperedRecord.FindStringSubmatch(staff.get("/audit").body)
	require.NotNil(t, named)
	body := verify()
	require.Contains(t, body, "<strong>tampered with</strong>")
	require.Contains(t, body, "record "+named[1])
	require.Equal(t, http.StatusSeeOther, staff.post("/audit/tamper", "csrf", token, "what", "restored").status)
	require.Contains(t, verify(), "nothing was tampered with")

	plain := newSite(t)
	staff = plain.signIn(adminKey)
	require.NotContains(t, staff.get("/audit").body, "Tamper with a record", "that is for the demo")
	require.Equal(t, http.StatusNotFound, staff.post("/audit/tamper", "csrf", staff.csrf("/audit"), "what", "tampered").status)
}

func TestTheSearchOfTheLog(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, id := range []string{"acme", "bolt"} {
		key := s.company(id, "pro")
		require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
		require.Equal(t, http.StatusCreated, s.ask(key, "/api/support/tickets", `{"priority": "P3", "issue": "How?"}`).status)
	}
	staff := s.signIn(adminKey)
	rows := func(query string) int {
		t.Helper()
		r := staff.get("/audit?" + query)
		require.Equal(t, http.StatusOK, r.status, r.body)
		return strings.Count(r.body, "<time datetime=")
	}
	require.Equal(t, 2, rows("action=INSERT&target=public.quotes"))
	require.Equal(t, 1, rows("action=INSERT&target=public.quotes&tenant=bolt"))
	require.Eventually(t, func() bool { return rows("action=POST+/api/*") == 2 }, inTime, 20*time.Millisecond)
	require.Equal(t, 0, rows("actor=nobody"))
	require.Equal(t, http.StatusBadRequest, staff.get("/audit?after=x").status)
	require.NotContains(t, staff.get("/audit?text=%3Cscript%3E").body, "<script>")
}

func TestCompaniesAreApart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("acme", "pro")
	require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
	require.Equal(t, http.StatusCreated, s.ask(s.company("bolt", "pro"), "/api/quotes", lane).status)
	for _, k := range []string{"", key, "no-such-key"} {
		require.Equal(t, http.StatusUnauthorized, s.ask(k, "/api/isolation", "").status)
	}
	var r reply
	require.Eventually(t, func() bool { // what could not be locked in time is tried again
		r = s.ask(adminKey, "/api/isolation", "")
		return r.status == http.StatusOK
	}, inTime, 100*time.Millisecond)
	require.Equal(t, "pass", r.field(t, "verdict.outcome"))
	require.Equal(t, 0.0, r.field(t, "report.cross_tenant_rows"))
	require.Greater(t, r.field(t, "report.mutations"), 60.0)
	require.Contains(t, r.body, `"public.quotes"`)
	require.Contains(t, r.body, `"tenon.usage_events"`)

	staff := s.signIn(adminKey)
	token := staff.csrf("/isolation")
	_, err := s.pool.Exec(t.Context(), "create policy everybody on public.quotes for select using (true)")
	require.NoError(t, err)
	require.Equal(t, http.StatusSeeOther, staff.post("/isolation", "csrf", token).status)
	page := staff.get("/isolation").body
	require.Contains(t, page, "not proven to be apart")
	require.Contains(t, page, "public.quotes policy everybody")
	require.Equal(t, http.StatusConflict, s.ask(adminKey, "/api/isolation", "").status)
}

func TestRequestsWorkAsARoleThatSeesOneCompany(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, id := range []string{"acme", "bolt"} {
		require.Equal(t, http.StatusCreated, s.ask(s.company(id, "pro"), "/api/quotes", lane).status)
	}
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
	count := func(sql string) (n int) {
		require.NoError(t, tx.QueryRow(t.Context(), sql).Scan(&n))
		return n
	}
	_, err = tx.Exec(t.Context(), "set local role transbot_app")
	require.NoError(t, err)
	for _, table := range []string{"public.quotes", "public.companies", "tenon.usage_events", "tenon.audit_log", "tenon.org_entitlements"} {
		require.Zero(t, count("select count(*) from "+table), "%s, while no company is named", table)
	}
	_, err = tx.Exec(t.Context(), "select set_config('tenon.tenant_id', 'acme', true)")
	require.NoError(t, err)
	require.Equal(t, 1, count("select count(*) from public.quotes"))
	require.Equal(t, 1, count("select count(distinct tenant_id) from tenon.audit_log"))
}
