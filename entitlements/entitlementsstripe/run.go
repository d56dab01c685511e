package entitlementsstripe

import (
	"context"
	"errors"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// Run tries events again that failed, collects and reports usage, and gives up what is too old, until ctx is done. It is
// safe to run on every instance at once. A round that fails is logged, shown by Stats and tried again. When it is never
// started, webhooks work all the same, Stripe sends failed events again for three days, and no usage is reported.
//
// Every piece of work is stored before it is begun, so there is nothing to drain: a call that is under way when ctx is
// done is made again, under the same key, by the next Run.
func (b *Biller) Run(ctx context.Context) error {
	tick := time.NewTicker(b.options.Every)
	defer tick.Stop()
	var collected time.Time
	for {
		b.note(ctx, b.round(ctx, &collected))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (b *Biller) note(ctx context.Context, err error) {
	now, text := time.Now(), ""
	switch {
	case err == nil:
		b.counts.lastRun.Store(&now)
	case ctx.Err() == nil:
		text = b.short(err)
		b.options.Logger.ErrorContext(ctx, "billing", "err", text)
	}
	b.counts.lastError.Store(&text)
	b.counts.rounds.Add(1)
}

// collectEvery is how often usage is collected: hours are over once an hour, for each tenant at a time of its own.
const collectEvery = 10 * time.Minute

// round works once.
func (b *Biller) round(ctx context.Context, collected *time.Time) error {
	now, err := b.gate.Now(ctx)
	if err != nil {
		return err
	}
	failed := []error{b.retry(ctx, now)}
	if now.Sub(*collected) >= collectEvery {
		err := b.collect(ctx, now)
		if err == nil {
			*collected = now
		}
		failed = append(failed, err)
	}
	failed = append(failed, b.deliver(ctx), b.expire(ctx, now))
	waiting, err := b.store.UsageLines(ctx, entitlements.UsageLineQuery{State: entitlements.UsagePending, Limit: 1000})
	b.counts.pending.Store(int64(len(waiting)))
	return errors.Join(append(failed, err)...)
}

// retry tries the events again that are due. One that fails holds up no other; it is counted where it is stored.
func (b *Biller) retry(ctx context.Context, now time.Time) error {
	for after := ""; ctx.Err() == nil; {
		q := entitlements.EventQuery{State: entitlements.EventFailed, DueBy: now, After: after}
		events, err := b.store.BillingEvents(ctx, q)
		if err != nil || len(events) == 0 {
			return err
		}
		for _, e := range events {
			if err := b.follow(ctx, e); err != nil && ctx.Err() == nil {
				b.options.Logger.WarnContext(ctx, "an event failed again", "event", e.ID, "err", b.scrub(err.Error()))
			}
		}
		after = events[len(events)-1].ID
	}
	return nil
}
