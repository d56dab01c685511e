package traffic

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how much is asked. All are required but for what says otherwise.
type Options struct {
	Houses   []string      // addresses of the service's instances
	Seed     uint64        // the same draws the same
	Requests int           // at most so many; 0: as many as fit
	For      time.Duration // at most so long
	Rate     float64       // requests a second; 0: as fast as answers come
	Callers  int           // how many wait for answers at once
	Patience time.Duration // how long one waits
}

// Traffic is what tenants ask.
type Traffic struct {
	options Options
	client  *client
	tenants []*Tenant
	dealt   []*Tenant // as often as each asks beside the others
	began   time.Time
	next    atomic.Int64
}

// New returns the traffic of tenants. It refuses instances on other machines.
func New(tenants []*Tenant, o Options) (*Traffic, error) {
	c, err := newClient(o.Houses, o.Patience, o.Callers)
	if err != nil {
		return nil, err
	}
	t := &Traffic{options: o, client: c, tenants: tenants}
	for _, tenant := range tenants {
		for range tenant.weight {
			t.dealt = append(t.dealt, tenant)
		}
	}
	return t, nil
}

// Run asks until time or requests are used up, or ctx is done, and returns how long that took.
func (t *Traffic) Run(ctx context.Context) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, t.options.For)
	defer cancel()
	t.began = time.Now()
	var all sync.WaitGroup
	for range t.options.Callers {
		all.Go(func() {
			for t.one(ctx) {
			}
		})
	}
	all.Wait()
	return time.Since(t.began)
}

// one asks for one thing, and returns false when there is nothing more to ask. What was begun is waited for, whatever
// became of ctx.
func (t *Traffic) one(ctx context.Context) bool {
	n := t.next.Add(1)
	if t.options.Requests > 0 && n > int64(t.options.Requests) || !t.wait(ctx, n) {
		return false
	}
	random := rand.New(rand.NewPCG(t.options.Seed, uint64(n)))
	tenant := t.dealt[random.IntN(len(t.dealt))]
	d := &draw{Rand: random, n: uint64(n), tenant: tenant, others: t.tenants}
	house := random.IntN(len(t.client.houses))
	q := d.request()
	tenant.hear(q, t.client.do(context.WithoutCancel(ctx), q, house))
	return true
}

// wait waits for the turn of the n-th request.
func (t *Traffic) wait(ctx context.Context, n int64) bool {
	if t.options.Rate <= 0 {
		return ctx.Err() == nil
	}
	due := t.began.Add(time.Duration(float64(n) / t.options.Rate * float64(time.Second)))
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
