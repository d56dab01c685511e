// Package entitlementshttp puts an [entitlements.Gate] in front of HTTP handlers, and answers a front end that asks
// what a tenant may use.
//
//	tenant := func(r *http.Request) (string, error) { return sessions.Company(r) }
//	plan := entitlementshttp.Require(gate, "rates", tenant, nil)
//	quota := entitlementshttp.Meter(gate, "rates", entitlementshttp.Units(1), tenant, nil)
//	mux.Handle("POST /api/quotes", plan(quota(createQuote)))
//
//	answers := http.StripPrefix("/api", entitlementshttp.Handler(gate, tenant, nil))
//	mux.Handle("/api/entitlements", answers)
//	mux.Handle("/api/entitlements/", answers)
//	mux.Handle("/api/limits/", answers)
//
// [Require] advises from memory and asks only whether the plan grants the feature: a tenant whose limit is reached
// still passes, so that it can look at what it has. [Meter] decides in the store. The order on a route is: who are
// you, rate limit, flag, Require, Meter.
//
// # Statuses
//
// A refusal is a problem document (RFC 9457) whose type names the reason. The status says what would help:
//
//	401  the tenant is not known: sign in
//	402  limit_reached, and waiting does not help: a gauge, a lifetime limit, more units at once than the limit has
//	403  no_plan, not_in_plan, trial_ended, past_due, canceled, suspended: another plan, or paying what is due
//	404  unknown_feature
//	409  the idempotency key stands for something else, or its request is still being worked on
//	429  limit_reached, and the limit resets: wait as long as Retry-After says, or take a larger plan
//	503  unavailable: the truth could not be had; try again after Retry-After
//
// Overdue payments and ended subscriptions are 403 and not 402, because 402 here always means "used up": a front end
// shows the same page for all of 403, worded by the problem's detail, and a meter for 402 and 429.
//
// # Failure
//
// While the store is away, Require follows the feature's fallback policy, as Check does. Meter answers 503 whatever
// the policy: without a hold it could promise nothing. A use that cannot be committed turns the handler's 2xx into a
// 503 of which the handler's headers and body are no part; the outcome is then unknown, as the handler's own effects
// are, and a retry with an idempotency key counts once. A process that dies in between leaves a hold, which the store
// drops by itself after Options.HoldFor.
package entitlementshttp
