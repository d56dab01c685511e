package sloprom_test

import (
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/sloprom"
)

func ExampleNewStats() {
	type queue struct {
		Waiting   int64
		OldestAge time.Duration
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(sloprom.NewStats("queue", func() queue { return queue{3, 90 * time.Second} }))
	families, err := registry.Gather()
	for _, f := range families {
		fmt.Println(f.GetName(), f.GetMetric()[0].GetUntyped().GetValue())
	}
	fmt.Println(err)
	// Output:
	// tenon_queue_oldest_age_seconds 90
	// tenon_queue_waiting 3
	// <nil>
}

func ExampleNewCollector() {
	registry := prometheus.NewRegistry()
	registry.MustRegister(sloprom.NewCollector(slo.NewBoard(slo.NewMemoryStore(nil), nil), nil))
	families, err := registry.Gather()
	fmt.Println(len(families), err)
	// Output: 3 <nil>
}

func ExampleWriteRules() {
	err := sloprom.WriteRules(os.Stdout, nil, &sloprom.RulesOptions{Watches: []sloprom.Watch{}})
	fmt.Println(err)
	// Output:
	// # Written by tenon. Objectives and watches are set in the program that wrote it.
	// groups:
	//   - name: "tenon_slo"
	//     rules:
	//       - alert: TenonObjectiveAlert
	//         expr: "max by (objective, tenant, alert, severity) (tenon_slo_alert_firing) == 1"
	//         labels:
	//           severity: warning
	//         annotations:
	//           summary: "{{ $labels.objective }}: {{ $labels.alert }}"
	//           description: "The alert is open on the board, which says which window fired and what would end it."
	//       - alert: TenonReleasesFrozen
	//         expr: "max(tenon_slo_releases_frozen) == 1"
	//         labels:
	//           severity: warning
	//         annotations:
	//           summary: "Releases are frozen"
	//           description: "More than half of an error budget is consumed."
	//       - alert: TenonObjectivesUnknown
	//         expr: "max(tenon_slo_up) == 0 or absent(tenon_slo_up)"
	//         for: 5m
	//         labels:
	//           severity: critical
	//         annotations:
	//           summary: "Nobody knows how the objectives do"
	// <nil>
}
