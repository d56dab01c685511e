// Package supporthttp serves tickets, tours and findings over HTTP. [Handler] is for customers, who see and do what is
// theirs; [Staff] for those who answer them.
//
//	api := supporthttp.Handler(desk, tours, who, nil)
//	mux.Handle("/api/", authenticate(http.StripPrefix("/api", api)))
//
// Who asks is found out by the host: both take a function that says it, and believe nothing else of a request. A ticket
// of another tenant is 404, as one that never was.
//
// Bodies are one JSON object of known fields, sent as application/json, which a form on another site cannot send. Errors
// are problem documents (RFC 9457): 400 names the field, 404, 409 for a change that the state does not allow, 413, 415,
// and 503 with Retry-After while the store is away.
package supporthttp
