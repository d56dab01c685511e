package gdprpg_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
)

func bazaarHost(db gdprpg.DB) *gdprpg.Host {
	return gdprpg.NewHost(db, gdprpg.HostOptions{Company: bazaar(), Secret: secret, Batch: 4, Rest: -1})
}

// rows returns what was done with each table.
func rows(e []gdpr.Proof) map[string]int64 {
	all := map[string]int64{}
	for _, p := range e {
		all[p.Table+" "+string(p.Relation)] = p.Rows
	}
	return all
}

var erasedRows = map[string]int64{
	"bazaar.companies owned": 1, "bazaar.users owned": 9, `bazaar."Order" owned`: 5, "bazaar.lines owned": 15, "bazaar.invoices owned": 5,
	"bazaar.comments owned": 10, "bazaar.webhooks owned": 3, "bazaar.referrals owned": 1, "bazaar.referrals mentions": 1,
}

func TestErasingOneOfTwoCompanies(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	before := bazaarDump(t, pool)
	host, d := bazaarHost(pool), deletion("acme")
	require.NoError(t, gdprpg.Check(t.Context(), pool, bazaar()))

	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	require.Empty(t, plan.Problems)
	require.Equal(t, before, bazaarDump(t, pool), "a plan changes nothing")
	require.Len(t, plan.Cascades, 1, "the partner's key would change a row of zenith's")
	require.Equal(t, "partner", plan.Cascades[0].Reference.Name)
	require.True(t, plan.Cascades[0].Handled)

	erasure, err := host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	require.True(t, erasure.Done())
	certificate, err := host.Certify(t.Context(), d, map[string]map[string]int64{"stripe": {"customers": 1}})
	require.NoError(t, err)
	require.Equal(t, erasedRows, rows(certificate.Tables))
	require.NoError(t, certificate.Verify(secret.CertificateKey()))
	require.Empty(t, certificate.Scan.Found)
	require.Equal(t, 11, certificate.Scan.Values)

	after := bazaarDump(t, pool)
	for _, row := range before {
		if !strings.Contains(row, "acme") && !strings.HasPrefix(row, "bazaar.comments (1") {
			require.Contains(t, after, row)
		}
	}
	require.NotContains(t, strings.Join(after, "\n"), "acme")
	require.Contains(t, after, `bazaar.referrals (2,zenith,,"")`, "the mention is gone, the row is there")
	require.Contains(t, after, `bazaar.invoices (101,,"",token,10,2026-01-01,{},{})`)
	require.Len(t, slices.DeleteFunc(after, func(r string) bool { return !strings.HasPrefix(r, "bazaar.comments") }), 10)
	for _, table := range []string{"deletions", "marks", "work"} {
		require.Zero(t, pgtest.One[int](t, pool, "select count(*) from tenon.gdpr_"+table), "%s: nothing names who it was", table)
	}

	again, err := host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	require.True(t, again.Done())
	same, err := host.Certify(t.Context(), d, nil)
	require.NoError(t, err)
	require.Equal(t, certificate, same)
}
