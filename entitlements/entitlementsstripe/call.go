package entitlementsstripe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"
	"golang.org/x/time/rate"

	"github.com/transbotai/tenon"
)

// newBackend returns a backend that tells nobody what it does: stripe-go's own logger writes to the standard error.
// Retries are the Biller's, which paces them and ends them with their context.
func newBackend(address string, timeout time.Duration) stripe.Backend {
	return stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL: stripe.String(address), MaxNetworkRetries: stripe.Int64(0), EnableTelemetry: stripe.Bool(false),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
		HTTPClient: &http.Client{
			Timeout:   timeout,
			Transport: transport(),
			CheckRedirect: func(*http.Request, []*http.Request) error { // the API does not redirect
				return http.ErrUseLastResponse
			},
		},
	})
}

// transport keeps as many connections as calls may be under way.
func transport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = 64
	return t
}

// call makes a call, paced, and again while it fails in a way that may pass. A key makes the calls one for Stripe. Where
// Stripe answers a key as it refused it before, as with a card that was declined an hour ago, nothing was done under the
// key, and the call is made under a new one.
func (b *Biller) call(ctx context.Context, method, path, key string, params stripe.ParamsContainer, v stripe.LastResponseSetter) error {
	for try := 0; ; try++ {
		if err := b.pace.wait(ctx); err != nil {
			return b.translate(ctx, err)
		}
		b.counts.calls.Add(1)
		err := b.once(ctx, method, path, key, params, v)
		b.pace.note(err)
		if key != "" && refusedBefore(err) {
			key = newKey()
			err = b.once(ctx, method, path, key, params, v)
		}
		if err == nil || try >= b.options.Retries || !passing(err) || ctx.Err() != nil {
			return b.translate(ctx, err)
		}
		b.counts.retries.Add(1)
		if pause(ctx, backoff(200*time.Millisecond, 5*time.Second, try)) != nil {
			return b.translate(ctx, err)
		}
	}
}

func (b *Biller) once(ctx context.Context, method, path, key string, params stripe.ParamsContainer, v stripe.LastResponseSetter) error {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	var account, idempotency *string
	if b.account.ID != "" {
		account = &b.account.ID
	}
	if key != "" {
		idempotency = &key
	}
	if list, ok := params.(stripe.ListParamsContainer); ok {
		p := list.GetListParams()
		p.Context, p.StripeAccount = ctx, account
		body := &form.Values{}
		form.AppendTo(body, list)
		return b.options.Backend.CallRaw(method, path, b.account.Key.Reveal(), body, p.GetParams(), v) // Call takes no lists
	}
	p := params.GetParams()
	p.Context, p.StripeAccount, p.IdempotencyKey = ctx, account, idempotency
	return b.options.Backend.Call(method, path, b.account.Key.Reveal(), params, v)
}

// passing says whether the same call may do better: the network, a conflict of keys or locks, too many calls, and what
// is Stripe's own fault, unless Stripe says that it will not.
func passing(err error) bool {
	var answer *stripe.Error
	if !errors.As(err, &answer) {
		return true
	}
	if answer.LastResponse != nil {
		switch answer.LastResponse.Header.Get("Stripe-Should-Retry") {
		case "true":
			return true
		case "false":
			return false
		}
	}
	status := answer.HTTPStatusCode
	return status == http.StatusConflict || status == http.StatusTooManyRequests || status >= 500
}

// refusedBefore says whether an answer is the one that the key had when it first came, and a refusal without effect.
func refusedBefore(err error) bool {
	var answer *stripe.Error
	return errors.As(err, &answer) && answer.LastResponse != nil && !passing(err) &&
		answer.HTTPStatusCode < 500 && answer.LastResponse.Header.Get("Idempotent-Replayed") == "true"
}

// pacer spaces calls out, and holds all of them back after a 429.
type pacer struct {
	limiter *rate.Limiter
	until   atomic.Int64 // when calls may go on, in nanoseconds since 1970
	refused atomic.Int64 // 429s in a row
}

func (p *pacer) wait(ctx context.Context) error {
	if d := time.Until(time.Unix(0, p.until.Load())); d > 0 {
		if err := pause(ctx, d); err != nil {
			return err
		}
	}
	return p.limiter.Wait(ctx)
}

func (p *pacer) note(err error) {
	var answer *stripe.Error
	if !errors.As(err, &answer) || answer.HTTPStatusCode != http.StatusTooManyRequests {
		p.refused.Store(0)
		return
	}
	d := backoff(500*time.Millisecond, 30*time.Second, int(p.refused.Add(1))-1)
	if answer.LastResponse != nil {
		if s, err := strconv.Atoi(answer.LastResponse.Header.Get("Retry-After")); err == nil {
			d = min(time.Duration(s)*time.Second, time.Minute)
		}
	}
	p.until.Store(time.Now().Add(d).UnixNano())
}

// backoff doubles from first to most, and takes up to a quarter off, so that many do not come back at once.
func backoff(first, most time.Duration, try int) time.Duration {
	d := min(first<<min(try, 20), most)
	return d - rand.N(d/4+1)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// idempotencyKey names an operation that makes something: the same operation has the same key, in any process.
func idempotencyKey(operation string, parts ...any) string {
	text, err := json.Marshal(parts)
	if err != nil {
		return newKey() // the parts are texts and numbers, which always can be written
	}
	sum := sha256.Sum256(append([]byte(operation+"\n"), text...))
	return "tenon-" + operation + "-" + hex.EncodeToString(sum[:16])
}

// newKey makes a call one with its own retries, and with no other call. It is for changes of what has just been read: made
// twice they come to the same, and a key that followed from them would hold back the third of there, back, and there
// again, for as long as Stripe knows keys.
func newKey() string { return "tenon-" + tenon.NewID(time.Now()) }
