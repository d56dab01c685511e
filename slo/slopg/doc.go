// Package slopg keeps objectives, their counts and what was decided about them in Postgres, and counts events from the
// host's own tables.
//
//	store := slopg.New(pool, &slopg.Options{
//		Tables: map[string]slopg.Table{
//			"uptime": slopg.FromTable(pgx.Identifier{"public", "api_requests"}, slopg.Columns{
//				At: slopg.Col("created_at"), Good: slopg.Expr("status < 500"),
//			}),
//		},
//		Notifier: func(tx pgx.Tx) tenon.Notifier { return outbox.In(tx) },
//	})
//	go store.Run(ctx) // in the host's errgroup
//	board := slo.NewBoard(store, nil)
//
// Apply migrations.SLO first.
//
// # Tables
//
// Rows of the host's tables are counted into minutes: those since the last fold, and again when a minute is 1, 2, 4, …
// minutes old and, for the last time, when it is as old as Options.Lookback. So rows that come late, change or go are
// counted as they are then, and a board agrees with a plain count of the rows, to the digit, once Lookback has passed. A
// row later than that is not counted. A minute's p95 is within 1 %. The host's tables are read and never written; an
// index that begins with the time is what keeps it cheap.
//
// The views tenon.slo_uptime, tenon.slo_quote_latency and tenon.slo_agent_success show the objectives uptime,
// quote_p95_latency_ms and agent_success_rate.
//
// # Transactions
//
// New on a pgx.Tx joins the caller's transaction. Alerts and freezes are decided under the lock of the one row of
// tenon.slo_state, and what is told of them is written by Options.Notifier in the same transaction. Nothing here locks
// anything before that row.
//
// # Failure
//
// Errors of the connection and of a server that is away are of the class [tenon.ErrUnavailable]. When Run is away,
// counts from tables stop, objectives run out of data, and the absence alerts say so; when it comes back it counts what
// it missed, six hours in a transaction. Under row level security the board and Run need the worker role: the rows of
// the system itself belong to the tenant "".
package slopg
