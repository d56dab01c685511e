package operating_test

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements/entitlementsstripe"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/slo/sloprom"
)

var update = flag.Bool("update", false, "write docs/alerts.yml anew")

// alerts is where operators find the rules, ready to load.
const alerts = "../../docs/alerts.yml"

func TestTheAlertRulesAreThoseThatTheLibraryWrites(t *testing.T) {
	t.Parallel()
	var rules bytes.Buffer
	require.NoError(t, sloprom.WriteRules(&rules, nil, nil))
	if *update {
		require.NoError(t, os.WriteFile(alerts, rules.Bytes(), 0o644))
	}
	page, err := os.ReadFile(alerts)
	require.NoError(t, err)
	require.Equal(t, string(page), rules.String(), "go test ./internal/operating -run AlertRules -update")
}

var metric = regexp.MustCompile(`tenon_[a-z0-9_]+`)

func TestEveryMetricOfTheAlertRulesIsOneThatAProcessExports(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.Connect(t, pgtest.Database(t, house...)), patience)
	exported := map[string]bool{ // of a board these depend on what it holds
		"tenon_slo_alert_firing": true, "tenon_slo_releases_frozen": true,
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		sloprom.NewCollector(s.board, nil),
		sloprom.NewStats("notify", s.outbox.Stats), sloprom.NewStats("audit", s.log.Stats),
		sloprom.NewStats("entitlements_store", s.rights.Stats), sloprom.NewStats("entitlements_gate", s.gate.Stats),
		sloprom.NewStats("flags", s.flags.Stats), sloprom.NewStats("kpi_store", s.events.Stats),
		sloprom.NewStats("kpi_batcher", s.batcher.Stats), sloprom.NewStats("gdpr", s.privacy.Stats),
		sloprom.NewStats("timers", s.timers.Stats), sloprom.NewStats("billing", new(entitlementsstripe.Biller).Stats),
	)
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		exported[f.GetName()] = true
	}
	page, err := os.ReadFile(alerts)
	require.NoError(t, err)
	named := metric.FindAllString(string(page), -1)
	require.Greater(t, len(named), 10)
	for _, name := range named {
		if name != "tenon_slo" && name != "tenon_health" { // names of groups
			require.True(t, exported[name], "%s is exported by nobody", name)
		}
	}
}
