package support

import (
	"context"
	"encoding/json"
	"time"

	"github.com/transbotai/tenon"
)

// Rules returns the rules in force.
func (d *Desk) Rules(ctx context.Context) (Rules, error) { return d.store.Rules(ctx) }

// SetRules puts rules in force. Their Version must be that of the rules they were made from, or it is an [ErrStale].
// From then on the clocks of every ticket that is not closed are those of the new rules, and timers follow: what has
// become due by the change is told at once, and what was told already is not told again.
func (d *Desk) SetRules(ctx context.Context, r Rules, reason string) (Rules, error) {
	if err := r.Check(); err != nil {
		return Rules{}, err
	}
	if err := checkText("reason", reason); err != nil {
		return Rules{}, prefix(err)
	}
	now, err := d.clock.Now(ctx, d.store)
	if err != nil {
		return Rules{}, err
	}
	return d.store.ChangeRules(ctx, func(old *Rules) (Effects, error) {
		if old.Version != r.Version {
			return Effects{}, ErrStale
		}
		before, _ := json.Marshal(old) // our own types
		*old = r
		old.Version++
		after, _ := json.Marshal(old)
		return Effects{
			Timers: []Timer{rulesTimer(now, "")},
			Changes: []tenon.Change{{
				Action: "support.rules_changed", Target: "rules", Before: before, After: after, Reason: reason, At: now,
			}},
		}, nil
	})
}

// rulesTimer sets the timers of tickets anew, from one ticket on.
func rulesTimer(at time.Time, before string) Timer {
	payload, _ := json.Marshal(before) // a string
	return Timer{TimerRef: TimerRef{Key: rulesKind}, At: at, Kind: rulesKind, Payload: payload}
}

// resetPage is how many tickets get their timers in one transaction.
const resetPage = 100

// resetTimers sets the timers of a page of tickets that are not closed, and schedules the next page.
func (d *Desk) resetTimers(ctx context.Context, s Store, t Timer) error {
	q := TicketQuery{States: []State{StateOpen, StatePending, StateReopened}, Limit: resetPage}
	if err := json.Unmarshal(t.Payload, &q.Before); err != nil {
		return err
	}
	now, err := d.clock.Now(ctx, d.store)
	if err != nil {
		return err
	}
	page, err := d.store.Tickets(ctx, q)
	if err != nil || len(page) == 0 {
		return err
	}
	timers := make([]Timer, 0, len(page)+1)
	for _, ticket := range page {
		payload, _ := json.Marshal(ticket.Ref)
		timers = append(timers, Timer{
			TimerRef: TimerRef{Tenant: ticket.Tenant, Key: ticketKind + "/" + ticket.ID}, At: now, Kind: ticketKind, Payload: payload,
		})
	}
	return s.Schedule(ctx, append(timers, rulesTimer(now, page[len(page)-1].ID)))
}
