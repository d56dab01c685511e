// Package entitlements answers who may use what, how much, and how much is left.
//
// A host declares a [Catalog] of plans and features, subscribes its tenants, and asks a [Gate]:
//
//	gate := entitlements.NewGate(entitlementspg.New(pool, nil), nil)
//	d, err := gate.Consume(ctx, entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 1, Key: requestID})
//	if err != nil {
//		return err // nothing is known; the same Key may be sent again
//	}
//	if !d.Allowed {
//		return refuse(d.Text()) // "The limit of your plan is reached. The plan pro includes more."
//	}
//
// [Gate.Check] advises from memory in nanoseconds. [Gate.Consume] and [Gate.Reserve] decide in the store: gated use never
// exceeds its limit, however many processes ask at once, and no key is counted twice. [Gate.WithStore] joins the
// caller's own transaction, so that a quote and its use commit together or not at all.
//
// # Words
//
// A plan grants features. A feature is boolean, a configured value, metered within a period, or a gauge of what is in
// use now. A [Limit] has what is included (Hard), what is worth a notification (Soft), and what may go past it to be
// billed (Overage); [Unlimited] is a state of its own. Each change of a plan makes a version, and a tenant stays on its
// version until [Gate.ChangePlan] moves it. On top of a plan come add-ons, overrides and grants. A use is covered by the
// plan's allowance first, then by grants in the order of priority, earliest expiry and age, then by overage.
//
// Periods are counted in UTC from the tenant's billing cycle and are computed when they are needed: no job rolls them. A
// late event counts in the period in which it happened. A hold belongs to the period in which it was made, expires by
// the store's clock, and goes back to the grants that it came from.
//
// # Failure
//
// When the store is away there are three answers, not two: the Decision's Answer is Unknown, and the feature's [Fallback]
// says whether it allows. Use that was let through is written to disk (Options.SpoolDir) before Consume returns, and
// counted by [Gate.Run]; without a folder the Decision says Uncounted. When a caller's context ends while its operation
// is in a batch with others, the batch goes on and the caller gets [ErrOutcomeUnknown]: the same Key gives the answer.
//
// Check is as old as its Decision's Age says: up to Options.Refresh when [Gate.Run] runs, and Options.MaxAge when not.
//
// # Billing
//
// A [Biller] sells plans by a payment provider, and the provider's account of a subscription becomes the tenant's
// entitlement; package entitlementsstripe is one. What an adapter must not forget it keeps in a [BillingStore] and a
// [UsageOutbox], which the stores of rights are too, so that an event and its effect are one transaction. Trials that end
// are told of ahead ([TrialReminder]), sold or not.
//
// # Stores
//
// [MemoryStore] is the readable specification and serves tests; entitlementspg keeps everything in Postgres. Both leave
// every decision to [Account], so they decide alike, and both pass the suite in entitlementstest.
package entitlements
