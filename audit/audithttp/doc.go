// Package audithttp records the requests that change something, and lets those who may read the log search it, export it
// and prove it.
//
//	recorded := audithttp.Record(log, &audithttp.RecordOptions{Tenant: tenantOf, Fields: []string{"reason"}})
//	mux.Handle("POST /orders", authenticated(recorded(orders)))
//
//	mux.Handle("/audit/", http.StripPrefix("/audit", audithttp.Handler(log, audithttp.Tokens(viewers), nil)))
//
// A [Webhook] is an anchor and a sink of the log: it posts checkpoints, or sealed records, signed.
//
// # Failure
//
// [Record] never changes an answer. A record that the store does not take goes to the log's queue, which keeps it until
// the store is back, and when that is full or refuses it, [RecordOptions.Lost] is told: nothing is dropped in silence.
//
// The handler answers errors as problem documents (RFC 9457): 400, 401, 403, 404, 405, 409, 413, 503, and 500 for
// anything else, of which the client is told nothing more. A record of another tenant's is 404. An export that breaks
// off ends without its signed end, which [audit.VerifyExport] notices.
package audithttp
