package entitlementstest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Webhook says where a [Biller] delivers its events, and what goes wrong on the way.
type Webhook struct {
	URL       string        // empty: nowhere, and nothing waits
	Secret    string        // signs; default [TestSecret]
	Duplicate int           // how often more than once each event comes
	Reorder   bool          // in any order
	Drop      bool          // never; the event stays undelivered
	Delay     time.Duration // by the Biller's clock
	Newer     bool          // in the shape of [StripeNewer]
	WrongMode bool          // as if from the other of live and test mode
}

// TestSecret is the webhook secret that a [Biller] signs with by default.
const TestSecret = "whsec_tenon"

// deliverFor is how long Stripe tries to deliver an event.
const deliverFor = 3 * day

type delivery struct {
	event *event
	due   time.Time
}

// Attempt is one delivery of an event and what it was answered.
type Attempt struct {
	Event, Type string
	Status      int   // 0 where nothing was answered
	Err         error // why nothing was answered
}

// SetWebhook says where events go from now on. Those that wait go there too.
func (b *Biller) SetWebhook(w Webhook) {
	defer b.enter()()
	b.webhook = w
}

// enqueue makes the event wait for its delivery, as often as the webhook says.
func (b *Biller) enqueue(e *event) {
	if b.webhook.URL == "" || b.webhook.Drop {
		return
	}
	for range 1 + b.webhook.Duplicate {
		b.queue = append(b.queue, &delivery{event: e, due: b.now.Add(b.webhook.Delay)})
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Deliver posts the events that are due, each until it is answered by a 2xx, in this call or a later one. It returns what
// was tried, and the error of ctx.
func (b *Biller) Deliver(ctx context.Context) ([]Attempt, error) {
	w, todo := b.takeDue()
	var tried []Attempt
	for i, d := range todo {
		if ctx.Err() != nil {
			b.putBack(todo[i:])
			return tried, ctx.Err()
		}
		a := b.post(ctx, w, d.event)
		tried = append(tried, a)
		if a.Status/100 != 2 {
			b.putBack(todo[i : i+1])
			continue
		}
		b.arrived(d.event)
	}
	return tried, nil
}

// Run delivers events as they come, until ctx is done. What is not answered by a 2xx is tried again a second later.
func (b *Biller) Run(ctx context.Context) error {
	for {
		if _, err := b.Deliver(ctx); err != nil {
			return nil
		}
		pause := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
			return nil
		case <-b.wake:
		case <-pause.C:
		}
		pause.Stop()
	}
}

// takeDue takes what is due out of the queue; what is too old is given up.
func (b *Biller) takeDue() (Webhook, []*delivery) {
	defer b.enter()()
	var todo, later []*delivery
	for _, d := range b.queue {
		switch {
		case b.now.Sub(d.event.created) > deliverFor+b.webhook.Delay:
		case d.due.After(b.now):
			later = append(later, d)
		default:
			todo = append(todo, d)
		}
	}
	b.queue = later
	if b.webhook.Reorder {
		rand.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
	}
	return b.webhook, todo
}

func (b *Biller) putBack(some []*delivery) {
	defer b.enter()()
	b.queue = append(b.queue, some...)
}

func (b *Biller) arrived(e *event) {
	defer b.enter()()
	e.delivered = true
}

// post delivers one event.
func (b *Biller) post(ctx context.Context, w Webhook, e *event) Attempt {
	a := Attempt{Event: e.id, Type: e.kind}
	body := b.bodyOf(e, w)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		a.Err = err
		return a
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	r.Header.Set("Stripe-Signature", Sign(body, w.secret(), time.Now()))
	answer, err := (&http.Client{Timeout: 30 * time.Second}).Do(r)
	if err != nil {
		a.Err = errors.Unwrap(err)
		return a
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20)); err != nil {
		a.Err = err
		return a
	}
	a.Status = answer.StatusCode
	return a
}

func (w Webhook) secret() string {
	if w.Secret == "" {
		return TestSecret
	}
	return w.Secret
}

func (b *Biller) bodyOf(e *event, w Webhook) []byte {
	defer b.enter()()
	v := version(StripeVersion)
	if w.Newer {
		v = StripeNewer
	}
	content := e.render(v)
	if w.WrongMode {
		content["livemode"] = !e.live
	}
	return encode(content)
}

// Sign returns the Stripe-Signature header of a body as Stripe makes it: HMAC-SHA256 over the time and the body.
func Sign(body []byte, secret string, at time.Time) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return fmt.Sprintf("t=%s,v1=%s", t, hex.EncodeToString(mac.Sum(nil)))
}
