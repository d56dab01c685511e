package agree

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/transbotai/tenon/examples/load/internal/traffic"
)

const selectTickets = `
select tenant_id, count(*)
from tenon.tickets
where tenant_id = any ($1)
group by tenant_id`

const selectTimers = `
select tenant_id, count(*)
from tenon.timers
where tenant_id = any ($1)
  and kind = 'support.ticket'
  and dead_at is null
  and not cancelled
group by tenant_id`

// tickets are those that were opened, and each has its clock running.
func (b *Book) tickets(ctx context.Context) ([]Line, error) {
	found, err := b.count(ctx, selectTickets)
	if err != nil {
		return nil, err
	}
	timed, err := b.count(ctx, selectTimers)
	return []Line{b.compare("tickets", found, opened), b.compare("tickets with timers", timed, opened)}, err
}

const selectTold = `
select tenant_id, count(*)
from tenon.notifications
where tenant_id = any ($1)
  and kind = 'entitlements.threshold'
  and destination = 'oncall'
group by tenant_id`

const selectUndelivered = `
select tenant_id, count(*)
from tenon.notifications
where tenant_id = any ($1)
  and state <> 'delivered'
group by tenant_id`

// outbox has told of each soft limit that was reached, once, and nothing waits.
func (b *Book) outbox(ctx context.Context) ([]Line, error) {
	used := map[string]map[string]int64{}
	for _, feature := range []string{traffic.Rates, traffic.Bulk, traffic.Access} {
		found, err := b.count(ctx, selectUsed, feature)
		if err != nil {
			return nil, err
		}
		used[feature] = found
	}
	found, err := b.count(ctx, selectTold)
	if err != nil {
		return nil, err
	}
	waiting, err := b.count(ctx, selectUndelivered)
	return []Line{
		b.compare("soft limits that on-call heard of", found, func(t *traffic.Tenant) told { return exactly(crossed(t, used)) }),
		b.compare("notifications that were not delivered", waiting, none),
	}, err
}

// crossed is how many soft limits the company reached by the traffic.
func crossed(t *traffic.Tenant, used map[string]map[string]int64) int {
	n := 0
	for feature, limit := range traffic.Limits[t.Plan] {
		if limit.Soft > 0 && t.Used[feature] < limit.Soft && used[feature][t.ID] >= limit.Soft {
			n++
		}
	}
	return n
}

// redisWithin is how long an instance waits for the counts of rate limits before it lets a request through without.
const redisWithin = 50 * time.Millisecond

// rate is the most requests of a company that were let through in a minute. Where instances share the counts, what could
// not be counted in time is let through.
func (b *Book) rate(context.Context) ([]Line, error) {
	l := Line{What: "companies that were let through too often in a minute"}
	free := func(c traffic.Call) bool {
		return b.Shared && (c.Read.Sub(c.Sent) >= redisWithin || touches(b.Away, c))
	}
	for _, t := range b.Tenants {
		if n, most := t.Told().Fastest(free, b.Forgotten), traffic.PerMinute(t.Plan); n > most {
			l.Found++
			l.Faults = append(l.Faults, fmt.Sprintf("%s: %d, not %d", t.ID, n, most))
		}
	}
	return []Line{l}, nil
}

// touches says whether a call lies in one of its instance's gaps.
func touches(losses []Loss, c traffic.Call) bool {
	return slices.ContainsFunc(losses, func(l Loss) bool { return l.House == c.House && l.Touches(c.Sent, c.Read) })
}
