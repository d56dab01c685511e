package entitlements

import (
	"context"
	"time"

	"github.com/transbotai/tenon"
)

// BillingStore keeps what an adapter of a payment provider must not forget: whose customer is whose, which events were
// carried out, and who is at work on which customer. It decides nothing. [MemoryStore] is one, and the store of
// package entitlementspg; the same value keeps the tenants' rights.
//
// Customers and events are the provider's, named by the provider's ids. Leases run by the store's own clock.
type BillingStore interface {
	// LeaseCustomer makes the holder the only one that may conclude work on a customer, for r.TTL. It returns what is
	// known of the customer and of the event; with Held false somebody else has the lease, or the event has been
	// concluded and nothing is left to do. A holder that asks again has its lease prolonged. What it writes need not
	// survive a crash of the store.
	LeaseCustomer(ctx context.Context, r LeaseRequest) (Lease, error)

	// Conclude writes the event, changes the tenant's rights, tells people, and gives the lease back, all in one
	// transaction. When the lease is no longer the holder's it writes nothing and returns [ErrLeaseLost]; when the
	// event was concluded before it writes nothing and returns nil rights. Edit is as in [Store.Change].
	Conclude(ctx context.Context, c Conclusion) (*Rights, error)

	// LinkCustomer remembers whose customer it is, and returns the tenant's link: the one that there was, when the
	// tenant has one. A customer of another tenant gives [ErrCustomerTaken].
	LinkCustomer(ctx context.Context, c BillingCustomer) (BillingCustomer, error)

	// Customers returns at most q.Limit links, by tenant. None is not an error.
	Customers(ctx context.Context, q CustomerQuery) ([]BillingCustomer, error)

	// BillingEvents returns at most q.Limit events, by id. None is not an error.
	BillingEvents(ctx context.Context, q EventQuery) ([]BillingEvent, error)
}

// UsageOutbox keeps what is to be reported to a payment provider.
type UsageOutbox interface {
	// PlanUsage locks what was reported of a window, hands it to plan, oldest first, and stores the lines that plan
	// returns, in one transaction. Plan may be called more than once and must have no other effect.
	PlanUsage(ctx context.Context, w UsageWindow, plan func([]UsageLine) ([]UsageLine, error)) error

	// TakeUsage returns at most limit lines that are pending and due at now, the oldest line of each window alone, and
	// makes them due again at until, so that others leave them meanwhile.
	TakeUsage(ctx context.Context, now, until time.Time, limit int) ([]UsageLine, error)

	// SettleUsage stores what became of a line, and tells people in the same transaction. A line that is no longer
	// pending stays as it is.
	SettleUsage(ctx context.Context, l UsageLine, notices []tenon.Notification) error

	// UsageLines returns at most q.Limit lines, by tenant, meter, window and revision.
	UsageLines(ctx context.Context, q UsageLineQuery) ([]UsageLine, error)
}

// EventState is what became of an event.
type EventState string

// The states of an event.
const (
	EventNone   EventState = ""       // never concluded
	EventDone   EventState = "done"   // its effect is there
	EventKept   EventState = "kept"   // stored; it has no effect here
	EventFailed EventState = "failed" // to be tried again
	EventDead   EventState = "dead"   // failed too often: a person must look
)

// Final says whether nothing is left to do.
func (s EventState) Final() bool { return s == EventDone || s == EventKept }

// BillingEvent is an event of a payment provider. Of what the provider sent, ids and the type are kept.
type BillingEvent struct {
	ID         string
	Type       string
	Customer   string // empty: it is about none
	State      EventState
	Attempts   int       // that failed
	Error      string    // of the last one; without secrets
	ReceivedAt time.Time // when it was first concluded
	NextAt     time.Time // of a failed one: when it is due again
}

// LeaseRequest asks for a customer.
type LeaseRequest struct {
	Customer string        // required
	Holder   string        // required; a UUID of the one that asks
	TTL      time.Duration // 0 only looks
	Event    string        // id of the event that the work is for; empty for none
}

// Lease is what [BillingStore.LeaseCustomer] answers.
type Lease struct {
	Customer string
	Holder   string
	Held     bool
	Event    BillingEvent    // as stored; the zero value when it was never concluded
	Link     BillingCustomer // whose customer it is; without a tenant when that is not known
	Rights   *Rights         // the tenant's entitlement, add-ons and revision; nil without a tenant
}

// Conclusion ends work.
type Conclusion struct {
	Customer string       // whose lease is given back; empty: none was taken, which only an event without effect allows
	Holder   string       // of the lease
	Event    BillingEvent // to be stored, in its new state; without an ID there is none
	Tenant   string       // whose rights Edit changes
	Edit     Edit         // nil: the rights stay
	Paid     bool         // the tenant has paid: its link says since when, from the first time on
	Now      time.Time
	Notices  []tenon.Notification // told in the same transaction
}

// BillingCustomer says whose customer it is.
type BillingCustomer struct {
	Tenant   string
	Customer string
	LinkedAt time.Time
	PaidAt   time.Time // when a payment of the tenant's was first seen; zero: none was
}

// CustomerQuery asks for links. Tenant and Customer, where set, must match.
type CustomerQuery struct {
	Tenant   string
	Customer string
	After    string // tenants after this one
	Limit    int    // 1 to 1,000; 0 means 100
}

// EventQuery asks for events. What is set must match.
type EventQuery struct {
	ID    string
	State EventState
	DueBy time.Time // of failed ones: due by then
	After string    // events after this one, which need not be there any more
	Limit int       // 1 to 1,000; 0 means 100
}

// UsageWindow names a window of a tenant's meter.
type UsageWindow struct {
	Tenant string
	Meter  string
	Start  time.Time
}

// UsageState is what became of a line.
type UsageState string

// The states of a line.
const (
	UsagePending UsageState = "pending" // to be told, perhaps told
	UsageSent    UsageState = "sent"    // the provider has it
	UsageDead    UsageState = "dead"    // it cannot be told: a person must look
)

// UsageLine is one thing to tell a provider about a window. The sum of a window's lines, less those that another
// cancels, is what the provider is to bill; those that are dead count, since nobody knows that they were not told.
type UsageLine struct {
	UsageWindow
	Revision  int       // from 1, without a gap
	Quantity  int64     // to be added; negative to be taken off; 0 of one that cancels
	Cancels   int       // the revision that is taken back; 0: none
	At        time.Time // when the provider is to count it
	State     UsageState
	Attempts  int
	Error     string // of the last attempt; without secrets
	CreatedAt time.Time
	NextAt    time.Time // when it is due
	SettledAt time.Time // zero while pending
}

// UsageLineQuery asks for lines. What is set must match.
type UsageLineQuery struct {
	Tenant string
	State  UsageState
	Before time.Time // created before
	Limit  int       // 1 to 1,000; 0 means 100
}
