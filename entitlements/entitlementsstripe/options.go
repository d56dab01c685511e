package entitlementsstripe

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
	"golang.org/x/time/rate"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/option"
)

// Account is the account at Stripe that sells.
type Account struct {
	// Key is the secret or restricted key; required.
	Key tenon.Secret
	// WebhookSecrets are those of the webhook's endpoint: at least one, and both while one replaces another.
	WebhookSecrets []tenon.Secret
	// Live is the mode. An event of the other mode is refused, and so is a key of it.
	Live bool
	// ID is a connected account's, "acct_…": calls are made for it and only its events are taken. Empty: the account that
	// the key is of, whose events name none.
	ID string
}

func (a Account) validate() error {
	key := a.Key.Reveal()
	if key == "" {
		return invalid("key", "is empty")
	}
	if strings.Contains(key, "_live_") && !a.Live || strings.Contains(key, "_test_") && a.Live {
		return invalid("key", "is of the other mode")
	}
	if len(a.WebhookSecrets) == 0 {
		return invalid("webhook_secrets", "there is none")
	}
	for _, s := range a.WebhookSecrets {
		if strings.TrimSpace(s.Reveal()) == "" {
			return invalid("webhook_secrets", "one is empty")
		}
	}
	return nil
}

// Price is what a price of Stripe's stands for: a plan or an add-on. Of several for the same plan and interval the first
// is sold, and all are understood.
type Price struct {
	ID     string // required: "price_…"
	Plan   string
	AddOn  string // an item's quantity is how many
	Yearly bool   // paid by the year, not by the month
	Seats  string // of a plan: the add-on that a tenant gets as many times as the item's quantity; empty: none
}

// Meter is a meter of Stripe's.
type Meter struct {
	Name  string // required: what a UsageReport calls it
	Event string // required: the meter's event name
	// Feature is what Run reports, by hours that are over. Empty: only ReportUsage does.
	Feature string
}

// Options of a [Biller]. The zero value of each field has the documented meaning; a negative value means the same, but where it
// says otherwise.
type Options struct {
	// Backend makes the calls; nil: one over HTTP to Address, which logs nothing. A Backend is given the key.
	Backend stripe.Backend
	// Address is where the API is, without a path; empty: Stripe's own.
	Address string
	// Timeout bounds one call; 0 means 10 seconds.
	Timeout time.Duration
	// Retries is how often a call is made again under the same idempotency key when it fails and may not have had its
	// effect; 0 means 2, negative none.
	Retries int
	// Rate and Burst pace the calls of this process; 0 means 20 a second and bursts of 20. Stripe answers 429 above 100 a
	// second, and 25 in test mode.
	Rate  rate.Limit
	Burst int
	// Tolerance is how far a webhook's timestamp may lie from now, either way; 0 means 5 minutes.
	Tolerance time.Duration
	// MaxBody bounds a webhook's body in bytes; 0 means 256 KiB.
	MaxBody int64
	// Grace is how long a past due subscription allows, counted from its unpaid invoice, and how long any goes on
	// allowing after the period of which Stripe has last told; 0 means 72 hours, negative none.
	Grace time.Duration
	// LeaseTTL bounds the work on one event or order; 0 means 30 seconds. LeaseWait is how long an event waits for another of the
	// same customer; 0 means 10 seconds.
	LeaseTTL, LeaseWait time.Duration
	// Attempts is how often an event may fail before it is dead; 0 means 8.
	Attempts int
	// Statuses overrides what a status of Stripe's is to the Gate: {Unpaid: PastDue} allows until the grace ends.
	Statuses map[entitlements.Status]entitlements.Status
	// PausedCollection is what a subscription is whose payment collection is paused; empty: what its status says.
	PausedCollection entitlements.Status
	// Fallback is the plan of a tenant whose subscription has ended; empty: it has no access.
	Fallback string
	// Meters are what usage is reported to.
	Meters []Meter
	// Every is how often Run works; 0 means 1 minute.
	Every time.Duration
	// Logger is told what nobody is waiting for. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	v.Address = cmp.Or(v.Address, stripe.APIURL)
	v.Timeout = option.Positive(v.Timeout, 10*time.Second)
	v.Retries = cmp.Or(v.Retries, 2)
	v.Rate = option.Positive(v.Rate, 20)
	v.Burst = option.Positive(v.Burst, 20)
	v.Tolerance = option.Positive(v.Tolerance, 5*time.Minute)
	v.MaxBody = option.Positive(v.MaxBody, 256<<10)
	v.Grace = cmp.Or(v.Grace, 72*time.Hour)
	v.LeaseTTL = option.Positive(v.LeaseTTL, 30*time.Second)
	v.LeaseWait = option.Positive(v.LeaseWait, 10*time.Second)
	v.Attempts = option.Positive(v.Attempts, 8)
	v.Every = option.Positive(v.Every, time.Minute)
	v.Retries, v.Grace = max(0, v.Retries), max(0, v.Grace)
	if v.Backend == nil {
		v.Backend = newBackend(v.Address, v.Timeout)
	}
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// prices is what Stripe's prices stand for.
type prices []Price

func (ps prices) validate() error {
	for i, p := range ps {
		switch {
		case p.ID == "":
			return invalid("prices", "number %d has no id", i)
		case (p.Plan == "") == (p.AddOn == ""):
			return invalid("prices", "%s is of a plan or of an add-on", p.ID)
		case p.Seats != "" && p.Plan == "":
			return invalid("prices", "%s is no plan's and has seats", p.ID)
		case slices.ContainsFunc(ps[:i], func(q Price) bool { return q.ID == p.ID }):
			return invalid("prices", "%s is there twice", p.ID)
		}
	}
	return nil
}

// of returns what a price stands for.
func (ps prices) of(id string) (Price, bool) {
	return ps.first(func(p Price) bool { return p.ID == id })
}

// plan returns the price at which a plan is sold.
func (ps prices) plan(id string, yearly bool) (Price, error) {
	p, ok := ps.first(func(p Price) bool { return p.Plan == id && p.Yearly == yearly })
	if !ok {
		return p, invalid("plan", "%.60q has no price for this interval", id)
	}
	return p, nil
}

// addOn returns the price at which an add-on is sold.
func (ps prices) addOn(id string, yearly bool) (Price, error) {
	p, ok := ps.first(func(p Price) bool { return p.AddOn == id && p.Yearly == yearly })
	if !ok {
		return p, invalid("addons", "%.60q has no price for this interval", id)
	}
	return p, nil
}

func (ps prices) first(is func(Price) bool) (Price, bool) {
	i := slices.IndexFunc(ps, is)
	if i < 0 {
		return Price{}, false
	}
	return ps[i], true
}

// manages says whether an add-on is sold here, so that a subscription says who has it.
func (ps prices) manages(addOn string) bool {
	return slices.ContainsFunc(ps, func(p Price) bool { return p.AddOn == addOn || p.Seats == addOn && addOn != "" })
}
