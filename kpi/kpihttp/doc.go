// Package kpihttp takes events in over HTTP and shows figures.
//
//	mux.Handle("POST /api/events", kpihttp.Events(tracker, source, nil))
//	mux.Handle("/kpi/", http.StripPrefix("/kpi", kpihttp.Figures(board, reader, nil)))
//
// # Events
//
// Who sends is told by a write key, which a web page or a partner's server may hold: it lets events in and nothing out.
// What the key stands for, a tenant and which names of events it may send, is the host's to say ([SourceFunc]); the
// tenant of an event is never taken from the body. Answers tell each event's outcome, so that a sender knows what to
// send again. An event without a key of its own is counted again when it is sent again.
//
// # Figures
//
// GET /{name} answers with a report as JSON, or as CSV where the request asks for text/csv or says format=csv. Which
// tenants' figures one may see is the host's to say ([ReaderFunc]); others are 404, as what does not exist.
//
// # Failure
//
// Errors are problem documents (RFC 9457). When the store is away the answer is 503 with Retry-After, and the events of
// the body may or may not have been stored: those with keys can be sent again. A body is refused as a whole: nothing
// of a body that is answered with 400 was stored, unless the tracker quarantines.
package kpihttp
