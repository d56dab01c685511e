// Package slohttp tells how objectives do, and records what a server answers.
//
//	mux.Handle("GET /slo/current", slohttp.Current(board, nil))
//	mux.Handle("GET /api/slo/current", slohttp.Named(board, map[string]string{
//		"uptime": "uptime", "quoteLatency": "quote_p95_latency_ms", "agentSuccess": "agent_success_rate",
//	}, nil))
//	server.Handler = slohttp.Record(mux, slohttp.To(recorder))
//
// # Answers
//
// A status has target and current, the share of good events in the window, from 0 to 1; current is null when nothing was
// counted. Of an objective with a threshold, threshold_ms stands beside them, and latency_ms holds quantiles within 1 %.
// budget.consumed is null when a target of 100 % was missed: there is no budget of which it could be a share. Instants
// are RFC 3339 in UTC, durations whole seconds.
//
// The handlers read and change nothing; [slo.Board.Run] evaluates. They do not ask who calls: mount them where that is
// decided.
//
// # Recording
//
// [Record] goes directly around a ServeMux, which is what sets the route of a request. It takes part in nothing: status,
// body, panics, hijacked and flushed connections pass as they are.
//
// # Failure
//
// When the store is away the answer is 503 and a problem document (RFC 9457).
package slohttp
