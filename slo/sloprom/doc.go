// Package sloprom shows objectives, and the Stats of any package, to Prometheus, and writes rules for it.
//
//	registry.MustRegister(
//		sloprom.NewCollector(board, nil),
//		sloprom.NewStats("notify", outbox.Stats),
//		sloprom.NewStats("entitlements_store", store.Stats),
//	)
//	err := sloprom.WriteRules(file, objectives, nil)
//
// # Stats
//
// [NewStats] exports each field of a Stats struct under the name that it is given: field OldestAge of "notify" becomes
// tenon_notify_oldest_age_seconds. Durations are in seconds; instants in seconds since 1970, 0 when there is none; a
// text, such as a last error, is 1 when there is one and 0 when not, since texts make bad labels. What counts up and what
// goes both ways is told by nobody, so all are of the type untyped.
//
// # Rules
//
// [WriteRules] writes recording rules and the burn alerts of the SRE Workbook for objectives whose events Prometheus
// counts itself, alerts on what a [Collector] says for all others, and [Watches]: alerts on tenon's own health. Its names
// for Stats are those above each watch; name them so.
//
// # Failure
//
// A scrape asks the store once, within Options.Timeout. When it cannot be had, tenon_slo_up is 0 and the objectives are
// missing, which alerts on them must allow for; the rules here do.
package sloprom
