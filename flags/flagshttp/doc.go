// Package flagshttp lets a front end ask a [flags.Set], keeps routes behind flags, and serves those who look after them.
//
//	who := func(r *http.Request) (flags.Who, error) { return flags.From(r.Context()), nil }
//	mux.Handle("POST /api/quotes/bulk", flagshttp.Require(set, BulkRating, who, nil)(createQuotes))
//	mux.Handle("/api/flags", http.StripPrefix("/api", flagshttp.Handler(set, who, nil)))
//	mux.Handle("/staff/", http.StripPrefix("/staff", flagshttp.Admin(set, mayChange, nil)))
//
// The order on a route is: who are you, rate limit, flag, plan, quota. A flag that is off is 403 with a problem document
// (RFC 9457) whose words differ from those of a plan: "not switched on for your company yet" is nothing that one could
// buy.
//
// # Statuses
//
//	400  the request cannot be right; "field" is the path of the fault: rules[0].if.op
//	401  nobody is signed in
//	403  not-switched-on, switched-off; or the one who asks may not
//	404  unknown-flag, not-found
//	409  in-use, no-ramp
//	412  changed: another version is stored than the one named by If-Match; "version" is the stored one
//	413  the body is too large
//	415  the body is not application/json
//	428  a change without If-Match or If-None-Match
//	501  no-population: flags.Options.Population is not set
//	503  unavailable: nothing is loaded yet, or the store is away; try again after Retry-After
//
// # Failure
//
// [Handler] and [Require] answer from memory: while the store is away they go on with what was last known. Admin's reads
// do too, but for versions and stale flags; its changes are 503 then, and may have happened: reading tells.
package flagshttp
