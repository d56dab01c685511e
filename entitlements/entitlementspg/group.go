package entitlementspg

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/pgerr"
)

// group gathers the operations that arrive while a batch is in flight and settles them together, each with its own
// outcome. There is no timer: the first operation of an idle lane leaves at once, alone.
//
// An account whose counter cannot settle it alone, or is locked by somebody's open transaction, is settled apart from
// its lane, so that it holds up nobody else.
type group struct {
	store  *Store
	seed   maphash.Seed
	lanes  []lane
	slots  chan struct{} // connections in use
	aparts chan struct{} // of these, by accounts that are settled apart: one fewer, so that lanes go on
}

type lane struct {
	mu     sync.Mutex
	queue  []*call
	flying bool
	apart  map[account][]*call // waiting behind an account that is settled apart; the key is there while it is
}

// call is a caller's operation. Done is closed when outcome and err are set.
type call struct {
	op      entitlements.Op
	outcome entitlements.Outcome
	err     error
	since   time.Time
	done    chan struct{}
}

func newGroup(s *Store) *group {
	n := s.options.Connections
	g := &group{
		store: s, seed: maphash.MakeSeed(), lanes: make([]lane, n),
		slots: make(chan struct{}, n), aparts: make(chan struct{}, max(1, n-1)),
	}
	for i := range g.lanes {
		g.lanes[i].apart = map[account][]*call{}
	}
	return g
}

func (g *group) lane(a account) *lane {
	var h maphash.Hash
	h.SetSeed(g.seed)
	h.WriteString(a.tenant)
	h.WriteByte(0)
	h.WriteString(a.feature)
	return &g.lanes[h.Sum64()%uint64(len(g.lanes))]
}

// settle returns the operation's outcome, or early when ctx is done: then the operation goes on and its outcome is
// unknown to the caller.
func (g *group) settle(ctx context.Context, op entitlements.Op) (entitlements.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return entitlements.Outcome{}, err // nothing was sent
	}
	c := &call{op: op, since: time.Now(), done: make(chan struct{})}
	g.lane(accountOf(&op)).put(g, c)
	select {
	case <-c.done:
		return c.outcome, c.err
	case <-ctx.Done():
		return entitlements.Outcome{}, fmt.Errorf("%w: %w", entitlements.ErrOutcomeUnknown, ctx.Err())
	}
}

func (l *lane) put(g *group, c *call) {
	a := accountOf(&c.op)
	l.mu.Lock()
	defer l.mu.Unlock()
	if waiting, ok := l.apart[a]; ok {
		l.apart[a] = append(waiting, c)
		return
	}
	l.queue = append(l.queue, c)
	if !l.flying {
		l.flying = true
		go l.fly(g)
	}
}

// fly settles batches until the lane is empty.
func (l *lane) fly(g *group) {
	for {
		batch := l.next(g.store.options.Batch)
		if batch == nil {
			return
		}
		g.slots <- struct{}{}
		left := g.settleBatch(batch)
		<-g.slots
		l.part(g, left)
	}
}

// next takes up to n calls, or ends the flight.
func (l *lane) next(n int) []*call {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		l.flying = false
		return nil
	}
	n = min(n, len(l.queue))
	batch := l.queue[:n:n]
	if l.queue = l.queue[n:]; len(l.queue) == 0 {
		l.queue = nil
	}
	return batch
}

// settleBatch settles a batch of a lane and returns, by account, the calls that are left.
func (g *group) settleBatch(batch []*call) map[account][]*call {
	accounts, jobs, calls := gather(batch)
	ctx, cancel := g.bounded()
	defer cancel()
	start := time.Now()
	rest, err := g.store.fast(ctx, accounts, jobs, skipping)
	g.store.stats.batch(len(batch), time.Since(start))
	if retryable(err) || pgerr.Refused(err) {
		rest, err = accounts, nil // all of them, each on its own: one may spoil it for the others
	}
	return g.finish(accounts, jobs, calls, rest, err)
}

func gather(batch []*call) (accounts []account, jobs map[account][]job, calls map[account][]*call) {
	jobs, calls = make(map[account][]job, len(batch)), make(map[account][]*call, len(batch))
	for _, c := range batch {
		a := accountOf(&c.op)
		if _, ok := jobs[a]; !ok {
			accounts = append(accounts, a)
		}
		jobs[a] = append(jobs[a], job{op: c.op, outcome: &c.outcome})
		calls[a] = append(calls[a], c)
	}
	return accounts, jobs, calls
}

// finish answers the calls that have an outcome, or all with err, and returns the others.
func (g *group) finish(accounts []account, jobs map[account][]job, calls map[account][]*call, rest []account, err error) map[account][]*call {
	left := map[account][]*call{}
	open := map[*entitlements.Outcome]bool{}
	for _, a := range rest {
		for _, j := range jobs[a] {
			open[j.outcome] = err == nil
		}
	}
	for _, a := range accounts {
		for _, c := range calls[a] {
			if open[&c.outcome] {
				left[a] = append(left[a], c)
				continue
			}
			c.end(err)
		}
	}
	return left
}

func (c *call) end(err error) {
	c.err = translate(err)
	close(c.done)
}

// part starts settling the accounts apart from the lane. What arrives for them meanwhile waits behind them.
func (l *lane) part(g *group, left map[account][]*call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for a, calls := range left {
		if waiting, ok := l.apart[a]; ok {
			l.apart[a] = append(waiting, calls...)
			continue
		}
		l.apart[a] = calls
		go l.settleApart(g, a)
	}
}

// settleApart settles an account on its own until nobody waits for it. Each turn is one try: an account whose counter
// somebody keeps locked goes to the end of the line, and holds up no other meanwhile.
func (l *lane) settleApart(g *group, a account) {
	for {
		g.aparts <- struct{}{}
		batch := l.nextApart(a, g.store.options.Batch)
		var left []*call
		if batch != nil {
			g.slots <- struct{}{}
			left = g.settleOne(a, batch)
			<-g.slots
		}
		<-g.aparts
		if batch == nil {
			return
		}
		l.wait(g, a, left)
	}
}

// wait puts calls whose time is not over back in front.
func (l *lane) wait(g *group, a account, left []*call) {
	var alive []*call
	for _, c := range left {
		if time.Since(c.since) < g.store.options.Timeout {
			alive = append(alive, c)
		} else {
			c.end(context.DeadlineExceeded)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.apart[a] = append(alive, l.apart[a]...)
}

func (l *lane) nextApart(a account, n int) []*call {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.apart[a]
	if len(waiting) == 0 {
		delete(l.apart, a)
		return nil
	}
	n = min(n, len(waiting))
	l.apart[a] = waiting[n:]
	return waiting[:n:n]
}

// settleOne tries once: by the counter, then exactly. It returns the calls that lost a race for locks.
func (g *group) settleOne(a account, batch []*call) (again []*call) {
	ctx, cancel := g.bounded()
	defer cancel()
	accounts, jobs, calls := gather(batch)
	rest, err := g.store.fast(ctx, accounts, jobs, waiting)
	g.store.stats.apart(len(batch))
	if retryable(err) {
		return batch
	}
	if pgerr.Refused(err) {
		rest, err = accounts, nil
	}
	left := g.finish(accounts, jobs, calls, rest, err)[a]
	if len(left) == 0 {
		return nil
	}
	err = g.store.patiently(ctx, func(tx pgx.Tx) error { return g.store.settleIn(ctx, tx, a, jobs[a]) })
	switch {
	case retryable(err):
		g.store.stats.retries.Add(1)
		return left
	case pgerr.Refused(err) && len(left) > 1: // one of them spoils it for the others
		for _, c := range left {
			c.end(g.store.exact(ctx, a, []job{{op: c.op, outcome: &c.outcome}}))
		}
	default:
		for _, c := range left {
			c.end(err)
		}
	}
	return nil
}

// bounded is a context of the batch's own: no caller's end may end it for the others.
func (g *group) bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), g.store.options.Timeout)
}
