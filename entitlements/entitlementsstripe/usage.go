package entitlementsstripe

import (
	"context"
	"slices"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

const (
	// recallable is how long after its making a line can be taken back: Stripe takes events back for 24 hours after it
	// has them, and some time goes by on the way.
	recallable = 22 * time.Hour
	// draft is how long after a period's end its invoice still takes usage of it; Stripe finalizes it after an hour.
	draft = 45 * time.Minute
	// oldest is how far back the time of an event may lie, a day less than Stripe's 35 days.
	oldest = 34 * 24 * time.Hour
)

// ReportUsage implements [entitlements.Biller]. The report is a line in the store; Run tells Stripe. A greater total than
// was reported before adds a line. A smaller one takes lines back that Stripe has had for less than a day, and else
// takes the difference off now, in the present window. So does one of a period whose invoice is final.
func (b *Biller) ReportUsage(ctx context.Context, u entitlements.UsageReport) error {
	if err := b.validReport(u); err != nil {
		return err
	}
	link, err := b.link(ctx, u.Tenant)
	if err != nil {
		return err
	}
	known, err := b.store.LeaseCustomer(ctx, entitlements.LeaseRequest{Customer: link.Customer})
	if err != nil {
		return err
	}
	now, err := b.gate.Now(ctx)
	if err != nil {
		return err
	}
	r := correction{total: u.Quantity, now: now, open: openSince(entitlementOf(known), now)}
	r.window = entitlements.UsageWindow{Tenant: u.Tenant, Meter: u.Meter, Start: u.Start.UTC().Truncate(time.Second)}
	return b.store.PlanUsage(ctx, r.window, func(told []entitlements.UsageLine) ([]entitlements.UsageLine, error) {
		return r.plan(told), nil
	})
}

func (b *Biller) validReport(u entitlements.UsageReport) error {
	switch {
	case u.Tenant == "":
		return invalid("tenant", "is empty")
	case u.Quantity < 0 || u.Quantity > entitlements.MaxQuantity:
		return invalid("quantity", "%d is not within 0 and %d", u.Quantity, entitlements.MaxQuantity)
	case u.Start.Year() < 1971 || u.Start.Year() > 9000:
		return invalid("start", "the year %d is not within 1971 and 9000", u.Start.Year())
	}
	if _, ok := b.meter(u.Meter); !ok {
		return invalid("meter", "%.60q is unknown", u.Meter)
	}
	return nil
}

func (b *Biller) meter(name string) (Meter, bool) {
	i := slices.IndexFunc(b.options.Meters, func(m Meter) bool { return m.Name == name })
	if i < 0 {
		return Meter{}, false
	}
	return b.options.Meters[i], true
}

// openSince returns the start of the oldest period whose invoice still takes usage at now.
func openSince(e *entitlements.Entitlement, now time.Time) time.Time {
	if e == nil || e.CurrentPeriodStart.IsZero() || now.Before(e.CurrentPeriodStart.Add(draft)) {
		return time.Time{}
	}
	return e.CurrentPeriodStart
}

// correction turns what was told of a window into a total.
type correction struct {
	window entitlements.UsageWindow
	total  int64
	now    time.Time
	open   time.Time // usage from before is on a final invoice
}

// plan returns the lines that are to follow those told.
func (c correction) plan(told []entitlements.UsageLine) []entitlements.UsageLine {
	sum, lines := sum(told), []entitlements.UsageLine(nil)
	add := func(l entitlements.UsageLine) {
		l.UsageWindow, l.Revision, l.State = c.window, len(told)+len(lines)+1, entitlements.UsagePending
		l.CreatedAt, l.NextAt = c.now, c.now
		lines = append(lines, l)
	}
	for _, l := range slices.Backward(told) {
		if sum > c.total && c.recallable(l, told) {
			add(entitlements.UsageLine{Cancels: l.Revision, At: l.At})
			sum -= l.Quantity
		}
	}
	if sum != c.total {
		add(entitlements.UsageLine{Quantity: c.total - sum, At: c.at(c.total < sum)})
	}
	return lines
}

// sum is what Stripe bills when it has all lines.
func sum(told []entitlements.UsageLine) (n int64) {
	for _, l := range told {
		if !canceled(l, told) {
			n += l.Quantity
		}
	}
	return n
}

func canceled(l entitlements.UsageLine, told []entitlements.UsageLine) bool {
	return slices.ContainsFunc(told, func(o entitlements.UsageLine) bool { return o.Cancels == l.Revision })
}

// recallable says whether taking a line back has an effect.
func (c correction) recallable(l entitlements.UsageLine, told []entitlements.UsageLine) bool {
	return l.Quantity > 0 && l.State != entitlements.UsageDead && !canceled(l, told) &&
		c.now.Sub(l.CreatedAt) < recallable && !l.At.Before(c.open)
}

// at is the time under which Stripe is to count a line: that of its window, or now where that is over for Stripe or where
// something is taken off that cannot be taken back.
func (c correction) at(off bool) time.Time {
	if off || c.window.Start.Before(c.open) || c.now.Sub(c.window.Start) > oldest {
		return c.now.Truncate(time.Second)
	}
	return c.window.Start
}
