package entitlements

import (
	"context"
	"time"
)

// Biller sells plans: it is what a payment provider does for tenants. What comes of it reaches the [Gate] by the
// provider's own account of the subscription, never by the answer to a call. Methods may be called concurrently.
//
// An error of the class [tenon.ErrUnavailable] leaves the outcome unknown; the same call may be made again and has no
// second effect.
type Biller interface {
	// Customer returns the provider's id of the tenant's customer, and makes one when there is none.
	Customer(ctx context.Context, c Customer) (string, error)

	// Start begins a subscription: on a page of the provider's where the customer pays, when the order says where that
	// page leads back to; otherwise at once, with the payment method that the customer has. A tenant with a
	// subscription that lives gives [ErrSubscribed].
	Start(ctx context.Context, o Order) (Started, error)

	// Move changes the subscription to another plan, number of seats or set of add-ons, and takes a planned change or
	// a planned end back. When it is so already nothing happens. A tenant without a subscription that lives gives
	// [ErrNotSubscribed].
	Move(ctx context.Context, m Move) error

	// Cancel ends the subscription. One that has ended is no error; a tenant that never had one gives
	// [ErrNotSubscribed].
	Cancel(ctx context.Context, c Cancellation) error

	// ReportUsage says what a tenant used of a meter in a window that is over: the total, not what was added since. It
	// returns when the report is safe; the provider is told later. Saying the same again does nothing; another total
	// corrects the first.
	ReportUsage(ctx context.Context, u UsageReport) error
}

// Portal is a [Biller] with a page where a customer looks after payment methods and invoices.
type Portal interface {
	// PortalURL returns the address of the tenant's page, good for some minutes, which leads back to returnURL.
	PortalURL(ctx context.Context, tenant, returnURL string) (string, error)
}

// Customer is whom a provider sends invoices to.
type Customer struct {
	Tenant string // required
	Email  string
	Name   string
}

// Order is what a tenant buys.
type Order struct {
	Tenant string           // required
	Plan   string           // required
	Yearly bool             // paid by the year, not by the month
	Seats  int64            // how many of the plan; 0 means 1
	AddOns map[string]int64 // how many of each add-on

	// Trial is how long nothing is paid, in whole days of 24 hours. A tenant has one trial: with a second one the order
	// is [ErrTrialUsed], unless ForceTrial. Zero: no trial.
	Trial      time.Duration
	ForceTrial bool

	// SuccessURL and CancelURL are where the provider's page leads back to; both or neither.
	SuccessURL, CancelURL string

	// Key makes the call idempotent for a day. Empty: it follows from the order and from the tenant's rights.
	Key string
}

// Started is what [Biller.Start] began: a page to send the customer to, or a subscription.
type Started struct {
	URL          string // empty: nothing is left to do for the customer
	Subscription string // the provider's id; empty until the customer has been on the page
}

// Proration says who pays for the part of a period in which a plan changes.
type Proration string

// The prorations.
const (
	Prorate    Proration = ""     // the difference goes on the next invoice
	ProrateNow Proration = "now"  // the difference is invoiced at once
	NoProrate  Proration = "none" // nobody: the new price holds from the next period on
)

// Move changes a subscription.
type Move struct {
	Tenant    string           // required
	Plan      string           // required; the present one when something else changes
	Yearly    bool             // paid by the year, not by the month
	Seats     int64            // how many of the plan; 0 leaves the number
	AddOns    map[string]int64 // how many of each add-on; nil leaves them
	When      When             // ByTier: an upgrade now, a downgrade when the period ends
	Proration Proration        // of a change that acts now
}

// Cancellation ends a subscription.
type Cancellation struct {
	Tenant string // required
	When   When   // ByTier and AtPeriodEnd: when the period ends; Now: at once
	Reason string // in the customer's words, for the provider's records
}

// UsageReport is what a tenant used of a meter in a window.
type UsageReport struct {
	Tenant   string    // required
	Meter    string    // required; a name that the adapter knows
	Start    time.Time // required: of the window, truncated to seconds
	Quantity int64     // 0 to MaxQuantity
}
