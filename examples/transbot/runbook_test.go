package main

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/slo/sloprom"
)

var (
	inCode   = regexp.MustCompile("`([^`\n]+)`")
	aPath    = regexp.MustCompile(`^(?:GET )?(/[a-z/{}_0-9-]+)(?:#([a-z]+))?$`)
	anAlert  = regexp.MustCompile(`^(slo|flags|entitlements|support|kpi|directory|gdpr)\.[a-z_]+$`)
	aMetric  = regexp.MustCompile(`^tenon_[a-z_]+$`)
	aRule    = regexp.MustCompile(`^Tenon[A-Z]\w+$`)
	aSetting = regexp.MustCompile(`^TRANSBOT_[A-Z_]+$`)
	sqlBlock = regexp.MustCompile("(?s)```sql\n(.*?)```")
	command  = regexp.MustCompile(`(?m)^(?:go run \./)?(examples/\w+|transbot)((?: -[a-z-]+)*)`)
	anOption = regexp.MustCompile(`-([a-z][a-z-]+)`)
	sent     = regexp.MustCompile(`(?:\bKind: +|\.Kind = +|\bKind[A-Z]\w+ += +|told\()"((?:slo|flags|entitlements|support|kpi|directory|gdpr)\.[a-z_]+)"`)
)

// runbook returns the runbook.
func runbook(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/runbook.md")
	require.NoError(t, err)
	return string(text)
}

// named returns what stands in code in the text and looks like something.
func named(text string, like *regexp.Regexp) (all []string) {
	for _, m := range inCode.FindAllStringSubmatch(text, -1) {
		if like.MatchString(m[1]) {
			all = append(all, m[1])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Whatever the runbook names is there: a page that is not found in an emergency helps nobody.
func TestWhatTheRunbookNamesIsThere(t *testing.T) {
	t.Parallel()
	text := runbook(t)
	s := newSiteWith(t, map[string]string{"STRIPE_API_BASE": fakeBase})
	s.company("acme", "pro")
	staff := s.signIn(adminKey)
	require.Equal(t, http.StatusSeeOther, staff.onControl("rollout", "reason", "so that there is a flag").status)
	require.Eventually(t, func() bool { return staff.get("/flags/phase4").status == http.StatusOK }, inTime, 100*time.Millisecond)

	for _, path := range named(text, aPath) {
		m := aPath.FindStringSubmatch(path)
		page := strings.ReplaceAll(m[1], "{company}", "acme")
		r := staff.get(page)
		if strings.HasPrefix(page, "/api/") {
			require.NotEqual(t, http.StatusNotFound, r.status, path)
			continue
		}
		require.Equal(t, http.StatusOK, r.status, path)
		if m[2] != "" {
			require.Contains(t, r.body, `id="`+m[2]+`"`, path)
		}
	}
	for _, m := range sqlBlock.FindAllStringSubmatch(text, -1) {
		_, err := s.pool.Exec(t.Context(), m[1])
		require.NoError(t, err, m[1])
	}
}

func TestTheRunbooksCommandsAreThere(t *testing.T) {
	t.Parallel()
	text := runbook(t)
	config, err := os.ReadFile("config.go")
	require.NoError(t, err)
	for _, name := range named(text, aSetting) {
		require.Contains(t, string(config), `"`+name+`"`)
	}
	blocks := ""
	for _, m := range shellBlock.FindAllStringSubmatch(text, -1) {
		blocks += m[1]
	}
	commands := command.FindAllStringSubmatch(blocks, -1)
	require.Len(t, commands, strings.Count(strings.TrimSpace(blocks), "\n")+1, "each line is a command")
	for _, m := range commands {
		source := string(config)
		if m[1] != "transbot" {
			b, err := os.ReadFile(filepath.Join("../..", m[1], "main.go"))
			require.NoError(t, err)
			source = string(b)
		}
		for _, option := range anOption.FindAllStringSubmatch(m[2], -1) {
			require.Contains(t, source, `"`+option[1]+`"`, m[0])
		}
	}
}

func TestTheRunbookKnowsEachAlert(t *testing.T) {
	t.Parallel()
	text := runbook(t)
	table, _, _ := strings.Cut(text[strings.Index(text, "## Alerts"):], "\n## An SLO")
	require.Equal(t, alertsSent(t), named(table, anAlert))

	var rules []string
	expressions := ""
	for _, w := range sloprom.Watches() {
		rules, expressions = append(rules, w.Name), expressions+w.Expr+w.Remedy
	}
	slices.Sort(rules)
	require.Equal(t, rules, named(text, aRule))
	for _, metric := range named(text, aMetric) {
		require.Contains(t, expressions, metric)
	}
}

// alertsSent returns the kinds of notification that tenon's packages make, as their source has them.
func alertsSent(t *testing.T) (kinds []string) {
	t.Helper()
	kinds = []string{"support.at_risk", "support.breached", "support.escalated"} // put together from a ticket's events
	for _, pkg := range []string{"slo", "flags", "entitlements", "support", "kpi", "directory", "gdpr"} {
		err := filepath.WalkDir(filepath.Join("../..", pkg), func(path string, e fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case e.IsDir() && strings.HasSuffix(e.Name(), "test"):
				return fs.SkipDir
			case e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			source, err := os.ReadFile(path)
			for _, m := range sent.FindAllSubmatch(source, -1) {
				kinds = append(kinds, string(m[1]))
			}
			return err
		})
		require.NoError(t, err)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}
