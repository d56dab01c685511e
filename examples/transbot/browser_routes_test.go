package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/examples/transbot/internal/web"
)

// elsewhere are routes that are no pages of their own, or are walked through on the way from another.
var elsewhere = map[string]string{
	"/healthz": "for machines", "/readyz": "for machines", "/assets/": "what pages load",
	"/signup": "after the calculator", "/signup/{lead}/{token}": "after the calculator",
	"/billing/return":                             "where Stripe sends people back to",
	"/exports/{token}":                            "a file",
	"/audit/export":                               "a file",
	"/kpi/data/{name}":                            "a file",
	"/trials/mails/{name}":                        "a mail as it was sent",
	"/privacy/certificate":                        "of an erasure, which takes two weeks",
	"/companies/{company}/audit/export":           "a file",
	"/companies/{company}/data/document":          "a file",
	"/companies/{company}/data/exports/{request}": "a file",
}

func TestEveryPageIsOpenedInABrowser(t *testing.T) {
	t.Parallel()
	walked := map[string]bool{}
	for _, pages := range stops {
		for _, p := range pages {
			walked[p.route] = true
		}
	}
	for _, r := range web.Routes() {
		if r.Method == http.MethodGet && !r.API() && elsewhere[r.Path] == "" {
			require.True(t, walked[r.Path], "%s is a page that no line of stops opens", r.Path)
		}
	}
}
