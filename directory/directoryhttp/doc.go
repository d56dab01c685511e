// Package directoryhttp serves the partner directory over HTTP. [Handler] is for everybody: it searches what is public.
// [Own] is for those who list partners, and [Staff] for those who publish what they listed.
//
//	mux.Handle("/api/", http.StripPrefix("/api", directoryhttp.Handler(book, nil)))
//
// Handler asks nobody who they are, so a rate limit belongs in front of it. Own and Staff take a function of the host
// that says who asks, and believe nothing else of a request. A partner of another tenant is 404, as one that never was.
//
// Bodies are one JSON object of known fields, sent as application/json, or text/csv where that is said; a form on another
// site can send neither. Errors are problem documents (RFC 9457): 400 names the field, 404, 409 for a version or a state
// that has moved on and for what the plan or the papers do not allow, 413, 415, and 503 with Retry-After while the store
// is away.
package directoryhttp
