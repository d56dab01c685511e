// Package entitlementsstripe sells the plans of package entitlements by Stripe, and makes what tenants may do follow what
// they have paid for.
//
//	store := entitlementspg.New(pool, nil)
//	gate := entitlements.NewGate(store, nil)
//	biller, err := entitlementsstripe.New(gate, store, entitlementsstripe.Account{
//		Key:            tenon.NewSecret(os.Getenv("STRIPE_SECRET_KEY")),
//		WebhookSecrets: []tenon.Secret{tenon.NewSecret(os.Getenv("STRIPE_WEBHOOK_SECRET"))},
//	}, []entitlementsstripe.Price{{ID: "price_1Pro", Plan: "pro"}}, nil)
//	if err != nil {
//		return err
//	}
//	mux.Handle("POST /api/stripe/webhook", biller.Handler())
//	go biller.Run(ctx) // tries failed events again, reports usage
//
//	started, err := biller.Start(ctx, entitlements.Order{Tenant: "acme", Plan: "pro", SuccessURL: …, CancelURL: …})
//	http.Redirect(w, r, started.URL, http.StatusSeeOther)
//
// # Webhooks
//
// A webhook is a hint that something changed. Of its payload only ids and the type are taken. The customer's
// subscriptions are read again, with the version of the API that this package is written for, while a row in the store
// says that nobody else is at work on the customer. What was read is written in one short transaction with the event's
// id. No connection and no lock is held while Stripe is asked. So it does not matter in which order webhooks arrive, how
// often, of which version of the API, or whether some never do.
//
// Events that matter are those of subscriptions, invoices, checkout sessions and subscription schedules. All others are
// stored and answered 200.
//
// # Access
//
// What a status of Stripe's gives, unless Options.Statuses says otherwise:
//
//	trialing            the plan, with the allowances of a trial
//	active              the plan
//	past_due            the plan until Options.Grace after the first invoice that is not paid
//	incomplete          nothing
//	incomplete_expired  nothing
//	unpaid              nothing
//	canceled            nothing
//	paused              nothing
//	one that is new     nothing
//
// Access never outlasts the current period by more than Options.Grace, whatever is not heard any more. A subscription
// that is to be canceled keeps its access to its end and not longer. Collection that is paused is no status: see
// Options.PausedCollection. A trial goes over into the subscription when it ends, without waiting for a webhook. What has
// ended leaves Options.Fallback.
//
// Of several subscriptions of a customer the one counts that gives most, and of those the newest. One that was never paid
// takes nothing away from a tenant whose plan was not sold here.
//
// A scheduled downgrade is the entitlement's Next. Items whose prices are add-ons are attached, as often as their
// quantity says; so is the add-on of Price.Seats. Add-ons without a price stay as the host set them. A tenant keeps the
// version of its plan.
//
// A tenant has one trial and one subscription that lives: orders of a tenant go one after another, and a new order closes
// the pages on which an earlier one could still be paid.
//
// # Failure
//
// A webhook that is forged, cut, replayed, from the future, too long or of another mode or account is answered 400 and
// nothing is written. One that fails is answered 503, its failure is stored and counted, and it is tried again by Stripe
// and by Run; after Options.Attempts it is dead, the store's notifier is told, and [Biller.Replay] tries it once more.
// [Biller.Reconcile] repairs what no webhook told of. It is to be called once a day, and after an outage.
//
// When Stripe is away, rights stay as they are. Calls of a Biller give an error of the class tenon.ErrUnavailable, whose
// outcome is unknown; the same call may be made again. A call that makes something has an idempotency key that follows
// from what it makes; one that changes something first looks whether it is done. Stripe knows keys for a day, those of
// refusals too: a refusal that Stripe repeats is not believed, and the call is made under a new key.
//
// When a process dies with a lease, the customer's other events wait for Options.LeaseTTL.
//
// # Usage
//
// A report of usage is stored as a line for its window, and told by Run as a meter event whose identifier follows from
// tenant, meter, window and revision. So a line is billed once when the call timed out after its effect or the process
// died; Stripe's refusal of an identifier that it has had means that the line was told. A total that has changed adds a
// line. One that has become less takes lines back by adjustments while Stripe takes them (a day, and before the invoice
// is final), and is a negative difference in the present window after that. Every line is sent or dead within 24 hours,
// and people are told of a dead one. Without Run nothing is reported.
//
// # Erasure
//
// A webhook about a subscription that names a tenant stores the tenant's customer again. So a tenant is erased here once
// its subscription has ended and the webhook of that has come.
//
// # What stripe-go v76 has that Stripe has not
//
// The library speaks the API of 2023-10-16, which Stripe goes on serving. Three things in it have been removed from
// newer versions, and are not used here:
//
//   - usage records (subscription items of the type metered without a meter): meter events take their place
//   - the upcoming invoice, which is now a preview: this package shows no prices ahead; the portal does
//   - invoice items of a bare price: they would need a price's data
//
// Newer versions put the period of a subscription on its items, and the subscription of an invoice inside its parent.
// v76 reads such a payload as one without a period. It does not matter here, since no payload is read for its content.
//
// The checks of webhooks in v76 are not used either: they take an empty secret and a timestamp of next year. Nor are its
// retries, which sleep through the end of a context, and its logger, which writes errors to the standard error.
//
// # Secrets
//
// A [tenon.Secret] is shown by no format, encoder or logger. Texts that Stripe or a network answers are searched for secrets
// before they become an [Error], a log line or a row.
package entitlementsstripe
