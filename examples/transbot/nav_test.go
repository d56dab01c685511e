package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var navLink = regexp.MustCompile(`(?s)<nav.*?</nav>`)

var linkTo = regexp.MustCompile(`href="([^"]+)"`)

// navOf returns the navigation of a page.
func navOf(page string) string { return strings.Join(navLink.FindAllString(page, -1), "\n") }

func TestNavigation(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	mine := s.signIn(s.company("acme", "pro"))
	staff := s.signIn(adminKey)

	t.Run("marks_the_present_page_and_what_it_belongs_to", func(t *testing.T) {
		require.Contains(t, navOf(staff.get("/companies").body), `<a href="/companies" aria-current="page">Companies</a>`)
		flag := navOf(staff.get("/flags/rates").body)
		require.Contains(t, flag, `<a href="/flags" aria-current="true">Flags</a>`)
		findings := navOf(staff.get("/support/findings").body)
		require.Contains(t, findings, `<a href="/support/findings" aria-current="page">Findings</a>`)
		require.Equal(t, 1, strings.Count(findings, "aria-current"), "the nearest alone")
		ours := navOf(mine.get("/companies/acme/support").body)
		require.Contains(t, ours, `<a href="/companies/acme/support" aria-current="page">Support</a>`)
	})

	t.Run("of_a_company_is_there_for_the_staff_too", func(t *testing.T) {
		page := navOf(staff.get("/companies/acme/data").body)
		require.Contains(t, page, `<a href="/companies" aria-current="true">Companies</a>`)
		require.Contains(t, page, `<a href="/companies/acme/data" aria-current="page">Data</a>`)
	})

	t.Run("leads_to_pages_that_answer", func(t *testing.T) {
		for visitor, b := range map[string]browser{"/companies/acme": staff, "/companies/acme/rates": mine, "/partners": s.browser()} {
			links := captured(linkTo, navOf(b.get(visitor).body))
			require.NotEmpty(t, links)
			for _, to := range links {
				require.Equal(t, http.StatusOK, b.get(to).status, to)
			}
		}
	})

	t.Run("shows_nobody_what_is_not_for_them", func(t *testing.T) {
		require.NotContains(t, navOf(mine.get("/companies/acme").body), `href="/flags"`)
		require.NotContains(t, navOf(s.browser().get("/partners").body), "/companies")
		missing := staff.get("/companies/nobody")
		require.Equal(t, http.StatusNotFound, missing.status)
		require.NotContains(t, navOf(missing.body), "/companies/nobody")
		require.Contains(t, navOf(missing.body), `href="/companies"`, "an error page leads on")
	})
}
