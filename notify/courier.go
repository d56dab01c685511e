package notify

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// courier delivers to one destination: a loop that claims as many entries as it has hands free, and settles what the
// hands report.
type courier struct {
	*Outbox
	name  string
	to    tenon.Notifier
	done  chan attempt
	busy  int       // deliveries under way
	ended []attempt // not settled yet
}

// attempt is a delivery that has ended.
type attempt struct {
	entry Entry
	lease string
	until time.Time // of the lease, by the local clock
	err   error
}

func newCourier(o *Outbox, name string, to tenon.Notifier) *courier {
	return &courier{Outbox: o, name: name, to: to, done: make(chan attempt, o.options.Workers)}
}

// run delivers until ctx is done, and returns how many deliveries it broke off or could not settle.
func (c *courier) run(ctx context.Context) int {
	work, breakOff := context.WithCancel(context.WithoutCancel(ctx))
	defer breakOff()
	for ctx.Err() == nil {
		more, err := c.claim(ctx, work)
		c.trouble(ctx, err)
		if !more || err != nil {
			c.await(ctx)
		}
		c.trouble(ctx, c.settle(ctx))
	}
	return c.drain(ctx, breakOff)
}

// claim takes on as much work as there are hands free, and says whether there may be more.
func (c *courier) claim(ctx, work context.Context) (more bool, err error) {
	free := c.options.Workers - c.busy - len(c.ended)
	if free <= 0 {
		return false, nil
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	now, err := c.now(ctx)
	if err != nil {
		return false, err
	}
	lease := 2 * c.options.Timeout
	token, until := tenon.NewID(now), time.Now().Add(lease)
	entries, err := c.store.Claim(ctx, Claim{Destination: c.name, Lease: token, Now: now, Until: now.Add(lease), Limit: free})
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		c.busy++
		go func() {
			bounded, cancel := context.WithTimeout(work, c.options.Timeout)
			defer cancel()
			c.done <- attempt{entry: e, lease: token, until: until, err: c.to.Notify(bounded, e.Notification)}
		}()
	}
	return len(entries) == free, nil
}

// await waits until a delivery ends, somebody wrote, or it is time to look.
func (c *courier) await(ctx context.Context) {
	timer := time.NewTimer(c.options.Poll)
	defer timer.Stop()
	select {
	case a := <-c.done:
		c.collect(a)
	case <-c.wake[c.name]:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (c *courier) collect(a attempt) {
	c.busy--
	c.ended = append(c.ended, a)
}

// settle writes down what has ended. What the store did not take is tried again until its lease is over.
func (c *courier) settle(ctx context.Context) error {
	for {
		select {
		case a := <-c.done:
			c.collect(a)
			continue
		default:
		}
		break
	}
	if len(c.ended) == 0 {
		return nil
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	now, err := c.now(ctx)
	if err == nil {
		results := make([]Result, len(c.ended))
		for i, a := range c.ended {
			results[i] = c.result(a, now)
		}
		err = c.store.Settle(ctx, results)
		if err == nil {
			c.tell(results)
			c.ended = nil
			return nil
		}
	}
	kept := c.ended[:0]
	for _, a := range c.ended {
		if time.Now().Before(a.until) {
			kept = append(kept, a)
		}
	}
	c.ended = kept
	return err
}

// result decides what becomes of an entry.
func (c *courier) result(a attempt, now time.Time) Result {
	r := Result{Entry: a.entry, Lease: a.lease, State: Delivered, At: now}
	if a.err == nil {
		return r
	}
	r.State, r.Error = Pending, shorten(a.err.Error())
	late := c.options.GiveUp > 0 && now.Sub(a.entry.Since) >= c.options.GiveUp
	if late || errors.Is(a.err, ErrRefused) {
		r.State = Dead
		return r
	}
	wait := max(c.backoff(a.entry.Attempts+1), min(retryAfter(a.err), longestRetryAfter))
	r.Due = now.Add(wait)
	return r
}

// longestRetryAfter bounds what a receiver may ask for.
const longestRetryAfter = time.Hour

// backoff returns what passes after the n-th failure, counted from 1.
func (c *courier) backoff(n int) time.Duration {
	d := c.options.MaxBackoff
	if n <= 30 { // beyond, the shift would pass any bound
		d = min(d, c.options.Backoff<<(n-1))
	}
	return d/2 + rand.N(d/2+1)
}

// tell counts results, and logs what was given up.
func (c *courier) tell(results []Result) {
	for _, r := range results {
		if r.State == Delivered {
			c.delivered.Add(1)
			continue
		}
		c.failed.Add(1)
		c.noteError(r.Error)
		if r.State == Dead {
			c.options.Logger.Error("notification given up", "destination", c.name, "id", r.Entry.ID,
				"key", r.Entry.Notification.Key, "tenant", r.Entry.Notification.Tenant, "err", r.Error)
		}
	}
}

// maxError bounds what is kept of an error, in bytes.
const maxError = 1000

// shorten returns text as a store can keep it.
func shorten(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?")
	if len(text) <= maxError {
		return text
	}
	return strings.ToValidUTF8(text[:maxError], "") + "…"
}

// drain waits for what is under way, breaks off what takes too long, and settles everything.
func (c *courier) drain(ctx context.Context, breakOff func()) int {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.options.Drain)
	defer cancel()
	brokenOff := 0
	for c.busy > 0 {
		select {
		case a := <-c.done:
			c.collect(a)
		case <-ctx.Done():
			brokenOff = c.busy
			breakOff()
			c.gather()
		}
	}
	end, _ := ctx.Deadline() // and a second more for what took all of it
	last, cancel := context.WithDeadline(context.WithoutCancel(ctx), end.Add(time.Second))
	defer cancel()
	if err := c.settle(last); err != nil {
		c.options.Logger.Warn("deliveries not settled", "err", err)
	}
	return brokenOff + len(c.ended)
}

// gather collects what deliveries report that were broken off. One that does not heed its context is left alone.
func (c *courier) gather() {
	patience := time.NewTimer(time.Second)
	defer patience.Stop()
	for c.busy > 0 {
		select {
		case a := <-c.done:
			c.collect(a)
		case <-patience.C:
			c.busy = 0
		}
	}
}
