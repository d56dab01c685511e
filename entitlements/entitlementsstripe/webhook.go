package entitlementsstripe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// Handler answers Stripe's webhooks: 200 when the event is carried out, or was before, or has no effect here; 400 when
// it is not to be believed, and then nothing is written; 503 when it failed, after which Stripe sends it again and Run
// tries it too; 405 for anything but a POST. It answers after the commit. Answers say nothing of what is stored.
func (b *Biller) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		err := b.receive(w, r)
		switch {
		case err == nil:
			w.WriteHeader(http.StatusOK)
		case errors.Is(err, ErrWebhook):
			b.counts.refused.Add(1)
			b.options.Logger.WarnContext(r.Context(), "webhook refused", "err", err)
			http.Error(w, "not accepted", http.StatusBadRequest)
		default:
			b.options.Logger.ErrorContext(r.Context(), "webhook failed", "err", b.scrub(err.Error()))
			http.Error(w, "try again later", http.StatusServiceUnavailable)
		}
	})
}

// receive checks a webhook and carries its event out.
func (b *Biller) receive(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, b.options.MaxBody))
	if err != nil {
		return fmt.Errorf("%w: the body", ErrWebhook)
	}
	if err := b.verify(r.Header.Get("Stripe-Signature"), body, time.Now()); err != nil {
		return err
	}
	p, err := b.parsePayload(body)
	if err != nil {
		return err
	}
	return b.receiveEvent(r.Context(), p)
}

func (b *Biller) receiveEvent(ctx context.Context, p payload) error {
	e := entitlements.BillingEvent{ID: p.ID, Type: p.Type, Customer: p.Data.Object.customer()}
	if p.tells() {
		return b.follow(ctx, e)
	}
	return b.keep(ctx, e)
}

// keep stores an event that has no effect here.
func (b *Biller) keep(ctx context.Context, e entitlements.BillingEvent) error {
	now, err := b.gate.Now(ctx)
	if err != nil {
		return err
	}
	e.State, e.ReceivedAt = entitlements.EventKept, now
	b.counts.kept.Add(1)
	_, err = b.store.Conclude(ctx, entitlements.Conclusion{Event: e, Now: now})
	return err
}

// Replay carries out an event that failed or is dead, whatever was tried before. Of one that was carried out or kept it
// reads the customer's present state again. An event that was never stored is [entitlements.ErrUnknownEvent].
func (b *Biller) Replay(ctx context.Context, id string) error {
	if id == "" {
		return entitlements.ErrUnknownEvent
	}
	found, err := b.store.BillingEvents(ctx, entitlements.EventQuery{ID: id, Limit: 1})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return entitlements.ErrUnknownEvent
	}
	e := found[0]
	switch {
	case e.Customer == "":
		return b.keep(ctx, e)
	case e.State.Final():
		e = entitlements.BillingEvent{Customer: e.Customer}
	}
	return b.follow(ctx, e)
}
