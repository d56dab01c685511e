package traffic

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Resolve finds out what became of requests whose answer is not known: it sends them again, with their keys, until each
// is answered. It returns how many those were.
func (t *Traffic) Resolve(ctx context.Context) (int, error) {
	var all sync.WaitGroup
	var first error
	var once sync.Once
	open := 0
	limit := make(chan struct{}, t.options.Callers)
	for _, tenant := range t.tenants {
		open += len(tenant.told.open)
		all.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			if err := t.settle(ctx, tenant); err != nil {
				once.Do(func() { first = fmt.Errorf("%s: %w", tenant.ID, err) })
			}
		})
	}
	all.Wait()
	return open, first
}

func (t *Traffic) settle(ctx context.Context, tenant *Tenant) error {
	for turn := 1; len(tenant.told.open) > 0; turn++ {
		q := tenant.told.open[0]
		q.turn = turn
		tenant.told.open = tenant.told.open[1:]
		if q.kind == Ticket { // has no key; but its words are nobody else's
			q = request{kind: Ticket, tenant: tenant, path: "/api/support/tickets?limit=1000", about: q.about, turn: turn}
		}
		if err := t.insist(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// insist asks until there is an answer that says something.
func (t *Traffic) insist(ctx context.Context, q request) error {
	for try := 0; ; try++ {
		a := t.client.do(ctx, q, try%len(t.client.houses))
		q.turn++
		pause := 50 * time.Millisecond
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("%s %s has no answer: %w", q.method(), q.path, ctx.Err())
		case a.tooFast():
			q.tenant.hear(q, a)
		case a.unknown():
			q.tenant.told.count(q, a)
			q.tenant.told.doubt(request{kind: Ask, tenant: q.tenant, path: q.path, body: q.body})
		case q.kind == Ticket && q.body == "":
			return q.tenant.look(q, a)
		default:
			q.tenant.hear(q, a)
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// look finds a ticket by its words.
func (t *Tenant) look(q request, a answer) error {
	t.told.count(q, a)
	var v struct {
		Tickets []struct{ ID, Issue string }
	}
	if err := json.Unmarshal(a.body, &v); err != nil {
		return err
	}
	for _, ticket := range v.Tickets {
		if ticket.Issue == q.about {
			t.told.Tickets[q.about] = ticket.ID
		}
	}
	return nil
}
