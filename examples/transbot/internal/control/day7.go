package control

import (
	"context"
	"fmt"
	"time"
)

func (d *Desk) whole(_ context.Context, s seen) (Item, error) {
	item := d.stageItem(s, 2)
	item.Key, item.Title = "whole", "100 % of tenants"
	return item, nil
}

// byHand is an item that a person ticks.
func byHand(s seen, item Item) Item {
	h, ok := s.hands[item.Key]
	if !ok {
		h.Item = item.Key
	}
	item.Hand, item.State = &h, ByHand
	if h.Done {
		item.State = Pass
	}
	return item
}

func (d *Desk) okrs(_ context.Context, s seen) (Item, error) {
	item := byHand(s, Item{Key: OKRs, Title: "30-day OKRs", Bound: "written down and agreed", Link: "/kpi", More: "the figures they are about"})
	item.Value = ticked(item)
	return item, nil
}

// penTestAfter is the day of the launch by which a pen test takes place.
const penTestAfter = 30

func (d *Desk) penTest(_ context.Context, s seen) (Item, error) {
	item := byHand(s, Item{
		Key: PenTest, Title: "Pen test scheduled (T+30 days)", Bound: "on day 30 at the latest", Link: "/support/findings", More: "what pen tests found",
	})
	item.Value = ticked(item)
	if !s.start.Set() {
		return item, nil
	}
	by := s.start.Of(penTestAfter)
	item.Bound = "by " + by.Format("2 January 2006")
	if item.Hand.Done && item.Hand.On.After(by) {
		item.State = Amber
	}
	return item, nil
}

// restoreDrill says whether one is scheduled, and how the last went.
func (d *Desk) restoreDrill(ctx context.Context, s seen) (Item, error) {
	item := byHand(s, Item{
		Key: Restores, Title: "First restore drill scheduled", Bound: "a day, and no drill that failed", Link: "/control/restore", More: "the drill",
	})
	item.Value = ticked(item)
	if d.LastRestore == nil {
		item.Value += "; not run yet"
		return item, nil
	}
	last, ok, err := d.LastRestore(ctx)
	switch {
	case err != nil:
		return item, err
	case !ok:
		item.Value += "; not run yet"
	case last.OK:
		item.Value += "; the last one went well on " + last.At.UTC().Format("2 January")
	default:
		item.State = Fail
		item.Value += "; the last one failed on " + last.At.UTC().Format("2 January")
	}
	return item, nil
}

// reviewed is ticked by a person, who sees how the budgets stand.
func (d *Desk) reviewed(_ context.Context, s seen) (Item, error) {
	item := byHand(s, Item{Key: Reviewed, Title: "All SLOs and error budgets reviewed", Bound: "after day 7 began", Link: "/slo", More: "the objectives"})
	_, now := budgetState(s)
	item.Value = fmt.Sprintf("%s; now %s", ticked(item), now)
	if s.start.Set() && item.Hand.Done && item.Hand.At.Before(s.start.Of(7)) {
		item.State = Amber // too early to have seen them all
	}
	return item, nil
}

// ticked says what a person said, in words.
func ticked(i Item) string {
	h := i.Hand
	switch {
	case h.Done && !h.On.IsZero():
		return "planned for " + h.On.Format("2 January 2006")
	case h.Done:
		return "done"
	case h.At.IsZero():
		return "open"
	}
	return "taken back on " + h.At.Format(time.DateOnly)
}
