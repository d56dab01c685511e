package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("acme", "pro")

	t.Run("is_asked_for", func(t *testing.T) {
		for _, path := range []string{"/companies", "/companies/acme", "/companies/acme/features/rates"} {
			r := s.browser().get(path)
			require.Equal(t, http.StatusSeeOther, r.status)
			require.Equal(t, "/signin", r.header.Get("Location"))
		}
		require.Contains(t, s.browser().get("/signin").body, `<label for="key">`)
	})

	t.Run("needs_a_key", func(t *testing.T) {
		for _, wrong := range []string{"", "tb_unknown", adminKey + "x", key[:len(key)-1]} {
			b := s.browser()
			r := b.post("/signin", "key", wrong)
			require.Equal(t, http.StatusUnauthorized, r.status)
			require.Empty(t, r.header.Get("Set-Cookie"))
			require.NotContains(t, r.body, "tb_unknown", "what was typed is not shown")
		}
	})

	t.Run("gives_a_careful_cookie", func(t *testing.T) {
		cookie := s.browser().post("/signin", "key", key).header.Get("Set-Cookie")
		require.Contains(t, cookie, "HttpOnly")
		require.Contains(t, cookie, "SameSite=Strict")
		require.NotContains(t, cookie, key)
	})

	t.Run("leads_to_where_people_begin", func(t *testing.T) {
		require.Equal(t, "/companies/acme", s.signIn(key).get("/").header.Get("Location"))
		require.Equal(t, "/dashboard", s.signIn(adminKey).get("/").header.Get("Location"))
	})

	t.Run("ends_with_signing_out", func(t *testing.T) {
		b := s.signIn(key)
		cookies := b.client.Jar.Cookies(mustRequest(t, s.url).URL)
		require.Equal(t, http.StatusSeeOther, b.post("/signout", "csrf", b.csrf("/companies/acme")).status)
		stolen := mustRequest(t, s.url+"/companies/acme")
		stolen.AddCookie(cookies[0])
		require.Equal(t, http.StatusSeeOther, s.do(s.browser().client, stolen).status, "the session itself is over")
	})

	t.Run("is_kept_as_a_hash", func(t *testing.T) {
		b := s.signIn(key)
		token := b.client.Jar.Cookies(mustRequest(t, s.url).URL)[0].Value
		require.Zero(t, scan[int](s, "select count(*) from sessions where hash = convert_to($1, 'UTF8') or actor = $1", token))
	})
}

func mustRequest(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	return r
}

func TestAnotherCompanysDataIsNotShown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	mine, theirs := s.company("mine", "pro"), s.company("theirs", "pro")
	made := s.ask(theirs, "/api/quotes", strings.Replace(lane, "Dallas, TX", "Savannah, GA", 1))
	path := made.header.Get("Location")

	require.Equal(t, http.StatusOK, s.ask(theirs, path, "").status)
	require.Equal(t, http.StatusNotFound, s.ask(mine, path, "").status)
	require.Equal(t, http.StatusNotFound, s.ask(mine, "/api/quotes/1", "").status)
	require.NotContains(t, s.ask(mine, "/api/quotes", "").body, "Savannah")
	require.Eventually(t, func() bool { // what a transaction counted is in the gate's memory a second later
		return s.ask(theirs, "/api/entitlements/rates", "").field(t, "used") == 1.0
	}, time.Minute, 20*time.Millisecond)
	require.Equal(t, 0.0, s.ask(mine, "/api/entitlements/rates", "").field(t, "used"))

	b := s.signIn(mine)
	require.Equal(t, http.StatusOK, b.get("/companies/mine").status)
	for _, page := range []string{"/companies/theirs", "/companies/nobody", "/companies/mine/features/rates", "/companies/theirs/features/rates"} {
		r := b.get(page)
		require.Equal(t, http.StatusNotFound, r.status, page)
		require.NotContains(t, r.body, "Savannah")
	}
	csrf := b.csrf("/companies/mine")
	for _, form := range []string{"/companies/theirs/rates", "/companies/theirs/rates/bulk", "/companies/mine/plan", "/companies/mine/grants", "/companies/mine/overrides", "/companies/theirs/plan"} {
		r := b.post(form, "csrf", csrf, "plan", "enterprise", "reason", "mine", "feature", "rates", "amount", "5", "hard", "-1")
		require.Equal(t, http.StatusNotFound, r.status, form)
	}
	e, err := s.gate.Entitlement(t.Context(), "mine")
	require.NoError(t, err)
	require.Equal(t, "pro", e.Plan)
}

func TestForms(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("acme", "starter")
	staff := s.signIn(adminKey)

	t.Run("need_a_token_of_their_own_session", func(t *testing.T) {
		fields := []string{"plan", "pro", "reason", "asked"}
		others := s.signIn(adminKey).csrf("/companies/acme")
		for name, r := range map[string]reply{
			"none":                 staff.post("/companies/acme/plan", fields...),
			"wrong":                staff.post("/companies/acme/plan", append(fields, "csrf", "x")...),
			"of_another_session":   staff.post("/companies/acme/plan", append(fields, "csrf", others)...),
			"in_the_address":       staff.post("/companies/acme/plan?csrf="+staff.csrf("/companies/acme"), fields...),
			"sent_from_elsewhere":  staff.postFrom("https://evil.example", "/companies/acme/plan", append(fields, "csrf", staff.csrf("/companies/acme"))...),
			"signing_in_elsewhere": s.browser().postFrom("https://evil.example", "/signin", "key", key),
		} {
			require.Equal(t, http.StatusForbidden, r.status, name)
		}
		require.Equal(t, http.StatusForbidden, s.browser().post("/companies/acme/plan", fields...).status, "without a session")
		e, err := s.gate.Entitlement(t.Context(), "acme")
		require.NoError(t, err)
		require.Equal(t, "starter", e.Plan)
	})

	t.Run("grant_units", func(t *testing.T) {
		r := staff.send("acme", "grants", "feature", "rates", "amount", "25", "days", "30", "reason", "made up for an outage")
		require.Equal(t, http.StatusSeeOther, r.status, r.body)
		require.Contains(t, staff.get(r.header.Get("Location")).body, "The units were granted.")
		require.Contains(t, staff.get("/companies/acme").body, "25 of them granted")
		require.Equal(t, 125.0, s.ask(key, "/api/limits/rates", "").field(t, "remaining"))
	})

	t.Run("override_a_limit_and_take_that_back", func(t *testing.T) {
		r := staff.send("acme", "overrides", "feature", "rates", "hard", "400", "reason", "agreed with sales")
		require.Equal(t, http.StatusSeeOther, r.status, r.body)
		require.Contains(t, staff.get("/companies/acme").body, "of 400 used")
		explained := staff.get("/companies/acme/features/rates").body
		require.Contains(t, explained, "override   hard 400; agreed with sales")
		require.Contains(t, explained, "Remove the override")

		r = staff.send("acme", "overrides/remove", "feature", "rates")
		require.Equal(t, http.StatusSeeOther, r.status, r.body)
		require.Contains(t, staff.get("/companies/acme").body, "of 100 used")
	})

	t.Run("change_the_plan", func(t *testing.T) {
		r := staff.send("acme", "plan", "plan", "enterprise", "when", "now", "reason", "grew")
		require.Equal(t, http.StatusSeeOther, r.status, r.body)
		r = staff.send("acme", "plan", "plan", "pro", "reason", "shrank")
		require.Equal(t, http.StatusSeeOther, r.status, r.body)
		page := staff.get("/companies/acme").body
		require.Contains(t, page, "Moves to Professional")
		require.Contains(t, page, "planned")
		e, err := s.gate.Entitlement(t.Context(), "acme")
		require.NoError(t, err)
		require.Equal(t, "enterprise", e.Plan)
		require.Equal(t, "pro", e.Next.Plan)
	})

	t.Run("put_a_company_on_its_first_plan", func(t *testing.T) {
		s.company("fresh", "")
		require.Contains(t, staff.get("/companies/fresh").body, "No plan")
		require.Equal(t, http.StatusNotFound, staff.get("/companies/fresh/features/rates").status)
		r := staff.send("fresh", "plan", "plan", "starter", "reason", "signed")
		require.Equal(t, http.StatusSeeOther, r.status, r.body)
		require.Contains(t, staff.get("/companies/fresh").body, "of 100 used")
	})

	t.Run("say_what_is_wrong_and_change_nothing", func(t *testing.T) {
		before, err := s.gate.Entitlement(t.Context(), "acme")
		require.NoError(t, err)
		for _, c := range []struct {
			form, says string
			status     int
			fields     []string
		}{
			{"plan", "reason is not text", 400, []string{"plan", "pro"}},
			{"plan", "There is no such", 404, []string{"plan", "gold", "reason", "r"}},
			{"plan", "when is not a choice", 400, []string{"plan", "pro", "reason", "r", "when", "never"}},
			{"grants", "amount is not a whole number", 400, []string{"feature", "rates", "amount", "1.5", "reason", "r"}},
			{"grants", "amount 0 is not within", 400, []string{"feature", "rates", "amount", "0", "reason", "r"}},
			{"grants", "days is not within", 400, []string{"feature", "rates", "amount", "1", "days", "-1", "reason", "r"}},
			{"overrides", "There is no such", 404, []string{"feature", "gold", "hard", "1", "reason", "r"}},
			{"overrides", "hard is not a whole number", 400, []string{"feature", "rates", "hard", "", "reason", "r"}},
			{"overrides/remove", "There is no such", 404, []string{"feature", "rates"}},
			{"rates", "The weight is not a whole number", 400, []string{"origin", "Reno, NV", "destination", "Miami, FL", "weight_kg", "lots", "key", "k"}},
			{"rates", "key is empty", 400, []string{"origin", "Reno, NV", "destination", "Miami, FL", "weight_kg", "5"}},
		} {
			r := staff.send("acme", c.form, c.fields...)
			require.Equal(t, c.status, r.status, c.form)
			require.Contains(t, r.body, c.says)
			require.Contains(t, r.body, `role="alert"`)
		}
		after, err := s.gate.Entitlement(t.Context(), "acme")
		require.NoError(t, err)
		require.Equal(t, before, after)
	})

	t.Run("are_bounded", func(t *testing.T) {
		r := staff.send("acme", "grants", "feature", "rates", "amount", "1", "reason", strings.Repeat("r", 17<<10))
		require.Equal(t, http.StatusRequestEntityTooLarge, r.status)
	})
}

func TestPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("acme", "pro")
	require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
	s.uses("acme", "rates", 611)
	_, err := s.gate.Reserve(t.Context(), entitlements.Use{Tenant: "acme", Feature: "bulk_rating", Quantity: 2}, holdForTest)
	require.NoError(t, err)

	t.Run("show_plan_use_limits_and_upgrade", func(t *testing.T) {
		page := s.signIn(key).get("/companies/acme").body
		for _, want := range []string{
			"<h1>The acme company</h1>", "Professional", "$299.00 a month", "Billing period ends", "Starts again",
			"<strong>612</strong> of 1,000 used", "soft limit 500", "Soft limit reached", `aria-label="612 of 1,000 used, soft limit 500"`,
			"0 of 10 used, 2 held, soft limit 5", "Enterprise includes it.", "Plan history", "Export our data", "Delete our company", "?tour=rates",
		} {
			require.Contains(t, page, want)
		}
		require.NotContains(t, page, "For staff")
		require.NotContains(t, page, "Explain")
	})

	t.Run("list_companies_for_staff", func(t *testing.T) {
		staff := s.signIn(adminKey)
		require.Contains(t, staff.get("/companies").body, `<a href="/companies/acme">The acme company</a>`)
		require.Eventually(t, func() bool { // the list is from memory
			return strings.Contains(staff.get("/companies").body, "612 of 1,000")
		}, time.Minute, 20*time.Millisecond)
	})

	t.Run("have_labels_for_all_that_is_filled_in", func(t *testing.T) {
		page := s.signIn(adminKey).get("/companies/acme").body
		for _, id := range inputIDs(page) {
			require.Contains(t, page, `<label for="`+id+`"`)
		}
	})

	t.Run("load_nothing_from_elsewhere", func(t *testing.T) {
		b := s.signIn(adminKey)
		for _, path := range []string{"/companies", "/companies/acme", "/companies/acme/features/rates", "/signin", "/companies/nobody", "/nowhere"} {
			r := b.get(path)
			policy := r.header.Get("Content-Security-Policy")
			require.Contains(t, policy, "default-src 'none'")
			require.Contains(t, policy, "frame-ancestors 'none'")
			require.NotContains(t, policy, "unsafe")
			require.Equal(t, "nosniff", r.header.Get("X-Content-Type-Options"))
			require.Equal(t, "no-store", r.header.Get("Cache-Control"))
			require.NotEmpty(t, r.header.Get("X-Request-Id"))
			for _, bad := range []string{"<script", "style=", "onclick", `src="http`, `href="//`} {
				require.NotContains(t, ownScripts.Replace(r.body), bad, path)
			}
		}
		for _, asset := range []string{"/assets/style.css", "/assets/icon.svg"} {
			require.Equal(t, http.StatusOK, b.get(asset).status)
		}
	})

	t.Run("escape_what_people_wrote", func(t *testing.T) {
		s.company("evil", "pro")
		s.exec(`update companies set name = '<script>alert(1)</script>' where id = 'evil'`)
		for _, path := range []string{"/companies", "/companies/evil"} {
			require.NotContains(t, s.signIn(adminKey).get(path).body, "<script>")
		}
	})
}

const holdForTest = time.Hour

var inputID = regexp.MustCompile(`<(?:input|select)[^>]* id="([^"]+)"`)

func inputIDs(page string) []string {
	var ids []string
	for _, m := range inputID.FindAllStringSubmatch(page, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// ownScripts takes the platform's own scripts out of a page: what is left must hold none.
var ownScripts = strings.NewReplacer(
	`<script defer src="/assets/clock.js"></script>`, "", `<script defer src="/assets/tour.js"></script>`, "",
)
