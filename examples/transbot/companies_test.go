package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
)

func TestCompaniesAreFoundByNamePlanAndStatus(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.company("acme", "starter")
	s.company("globex", "pro")
	s.company("initech", "")
	_, err := s.gate.SetStatus(t.Context(), entitlements.StatusChange{Tenant: "globex", Status: entitlements.Paused, Reason: "winter"})
	require.NoError(t, err)
	staff := s.signIn(adminKey)
	for asked, want := range map[string][]string{
		"":                            {"acme", "globex", "initech"},
		"?name=GLOBEX":                {"globex"},
		"?name=company":               {"acme", "globex", "initech"},
		"?plan=Starter":               {"acme"},
		"?plan=none":                  {"initech"},
		"?status=paused":              {"globex"},
		"?plan=Starter&status=paused": nil,
		"?name=%25":                   nil,
		"?page=-7":                    {"acme", "globex", "initech"},
		"?page=9":                     {"acme", "globex", "initech"},
	} {
		page := staff.get("/companies" + asked)
		require.Equal(t, http.StatusOK, page.status, asked)
		var found []string
		for _, id := range []string{"acme", "globex", "initech"} {
			if strings.Contains(page.body, `<a href="/companies/`+id+`">`) {
				found = append(found, id)
			}
		}
		require.Equal(t, want, found, asked)
	}
	require.Contains(t, staff.get("/companies?plan=Enterprise").body, "No company is like that.")
	require.Equal(t, http.StatusNotFound, s.signIn(s.company("other", "pro")).get("/companies").status)
}

func TestCompaniesAreListedPageByPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.exec(`insert into companies (id, name, kind, city, created_at)
		select 'c' || n, 'Company ' || lpad(n::text, 3, '0'), 'shipper', 'Reno, NV', now() from generate_series(1, 101) n`)
	staff := s.signIn(adminKey)
	first, second := staff.get("/companies?name=company").body, staff.get("/companies?name=company&page=2").body
	require.Contains(t, first, "101 found")
	require.Contains(t, first, `href="/companies?name=company&amp;page=2"`)
	require.NotContains(t, first, "Company 101")
	require.Contains(t, second, "Company 101")
	require.Equal(t, 1, strings.Count(second, `<th scope="row">`))
}

func TestTheHomePageIsForWhoIsNotSignedIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	home := s.browser().get("/")
	require.Equal(t, http.StatusOK, home.status)
	for _, want := range []string{`href="/calculator"`, `href="/partners"`, `href="/signin"`, "tenon"} {
		require.Contains(t, home.body, want)
	}
}

// What a company reads of its trial: how long it lasts, what happens then, and how to keep what it has.
func TestACompanyReadsWhatBecomesOfItsTrial(t *testing.T) {
	t.Parallel()
	s := newSite(t, "-demo")
	staff := s.signIn(adminKey)
	for name, c := range map[string]struct {
		length   time.Duration
		fallback string
		wants    []string
	}{
		"alone":    {9*24*time.Hour + time.Hour, "", []string{"9 days left of your trial", "Then nothing new can be asked for.", "Subscribe before, and Professional goes on"}},
		"followed": {24*time.Hour + time.Hour, "starter", []string{"1 day left of your trial", "Then your company moves to Starter by itself."}},
	} {
		id := "trying-" + name
		s.company(id, "")
		_, err := s.gate.StartTrial(t.Context(), entitlements.Trial{Tenant: id, Plan: "pro", Length: c.length, Fallback: c.fallback, Reason: "asked"})
		require.NoError(t, err)
		page := staff.get("/companies/" + id).body
		for _, want := range append(c.wants, fmt.Sprintf(`class="button" href="/companies/%s/billing"`, id)) {
			require.Contains(t, page, want)
		}
	}
	ended := staff.get("/companies/canyon-tools").body
	require.Contains(t, ended, "Your trial has ended")
	require.Contains(t, ended, "Everything that you have stays.")
	require.Contains(t, staff.get("/companies/canyon-tools/rates").body, "Choose a plan, and everything goes on where you left it.")
	require.NotContains(t, staff.get("/companies/harborline-logistics").body, `id="trial"`)
}
