package support

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

// patience bounds one call of the store by Run: a connection that is dead and does not know it must not stop timers.
const patience = 30 * time.Second

// lookEvery is how often Run counts for Stats.
const lookEvery = time.Minute

// Run fires timers until ctx is done; then it ends what it is at, within Options.Drain, and returns an
// [ErrUnfinished] when it had to break that off. It is safe to run on every instance at once, and refuses to start when
// the store says that it would not see every tenant. A store that is away is logged, shown by Stats, and asked again.
func (t *Timers) Run(ctx context.Context) error {
	if t.wake == nil {
		return prefix(tenon.Invalid("store", "timers bound to a transaction do not run"))
	}
	if err := t.start(ctx); err != nil {
		return err
	}
	// Work goes on without ctx until it is drained.
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var loops sync.WaitGroup
	for range t.options.Workers {
		loops.Go(func() { t.loop(ctx, working) })
	}
	loops.Go(func() { t.keepCount(ctx) })
	ended := make(chan struct{})
	go func() {
		loops.Wait()
		close(ended)
	}()
	<-ctx.Done()
	select {
	case <-ended:
		return nil
	case <-time.After(t.options.Drain):
	}
	stop()
	<-ended
	return ErrUnfinished
}

// start asks the store whether it can be run on, until it answers.
func (t *Timers) start(ctx context.Context) error {
	s, ok := t.store.(tenon.Starter)
	for ok && ctx.Err() == nil {
		asking, cancel := context.WithTimeout(ctx, patience)
		err := s.Start(asking)
		cancel()
		if err == nil || errors.Is(err, tenon.ErrDenied) {
			return err
		}
		t.trouble(ctx, err)
		t.sleep(ctx, t.options.Poll)
	}
	return nil
}

// loop claims and works until ctx is done.
func (t *Timers) loop(ctx, working context.Context) {
	if len(t.kinds) == 0 {
		return
	}
	for ctx.Err() == nil {
		wait, err := t.turn(working)
		t.trouble(ctx, err)
		if err != nil {
			wait = t.options.Poll
		}
		if wait > 0 {
			t.sleep(ctx, wait)
		}
	}
}

// turn claims once and works on what it got. It returns how long there is nothing to do, 0 when there may be more.
func (t *Timers) turn(ctx context.Context) (wait time.Duration, err error) {
	lease := tenon.NewID(time.Now())
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, err := t.store.Claim(asking, Claim{Lease: lease, For: t.options.Lease, Kinds: t.kinds, Limit: t.limit()})
	if err != nil {
		return 0, err
	}
	if len(got.Timers) == 0 {
		if got.Next < 0 || got.Next > t.options.Poll {
			return t.options.Poll, nil
		}
		return max(got.Next, time.Millisecond), nil
	}
	return 0, t.fire(ctx, lease, got)
}

// limit is how many timers a claim takes: as many as any job puts into a transaction.
func (t *Timers) limit() int {
	most := 1
	for _, j := range t.work {
		most = max(most, j.size())
	}
	return most
}

// fire works on claimed timers, in transactions of the job's size, within the lease.
func (t *Timers) fire(ctx context.Context, lease string, got Claimed) error {
	job := t.work[got.Timers[0].Kind]
	until := time.Now().Add(t.options.Lease)
	rest := t.bury(ctx, lease, got.Timers)
	for len(rest) > 0 {
		n := min(job.size(), len(rest))
		if ctx.Err() != nil || !time.Now().Before(until) {
			return t.giveBack(ctx, lease, rest)
		}
		chunk := rest[:n]
		rest = rest[n:]
		err := t.do(ctx, lease, job, chunk)
		switch {
		case err == nil:
			t.noteFired(got.Now, chunk)
		case len(chunk) == 1:
			t.settle(ctx, lease, chunk[0], err)
		case errors.Is(err, tenon.ErrUnavailable) || ctx.Err() != nil:
			return t.putOff(ctx, lease, append(slices.Clone(chunk), rest...), err)
		default:
			t.oneByOne(ctx, lease, job, chunk, got.Now)
		}
	}
	return nil
}

// do works on timers in one transaction.
func (t *Timers) do(ctx context.Context, lease string, job Job, held []Held) error {
	timers := make([]Timer, len(held))
	for i, h := range held {
		timers[i] = h.Timer
	}
	return t.store.Work(ctx, lease, held, func(ctx context.Context, s Store) error { return job.handle(ctx, s, timers) })
}

// oneByOne works on timers that failed together.
func (t *Timers) oneByOne(ctx context.Context, lease string, job Job, held []Held, now time.Time) {
	for i := range held {
		one := held[i : i+1]
		if err := t.do(ctx, lease, job, one); err != nil {
			t.settle(ctx, lease, one[0], err)
			continue
		}
		t.noteFired(now, one)
	}
}

// bury gives up timers that were tried too often, by processes that died of them or could not say why they failed, and
// returns the others.
func (t *Timers) bury(ctx context.Context, lease string, held []Held) []Held {
	var rest []Held
	for _, h := range held {
		if t.options.Attempts < 0 || h.Attempts <= t.options.Attempts {
			rest = append(rest, h)
			continue
		}
		t.fail(ctx, lease, Failure{Held: h, Dead: true, Reason: fmt.Sprintf("%d attempts ended without an answer", h.Attempts-1)})
	}
	return rest
}

// settle says what becomes of a timer whose work failed.
func (t *Timers) settle(ctx context.Context, lease string, h Held, err error) {
	if errors.Is(err, ErrLost) {
		t.lost.Add(1)
		return
	}
	if ctx.Err() != nil { // drained
		t.fail(ctx, lease, Failure{Held: h, Undo: true})
		return
	}
	t.failed.Add(1)
	f := t.failure(h, err)
	t.options.Logger.Warn("timer failed", "kind", h.Kind, "tenant", h.Tenant, "key", h.Key, "attempt", h.Attempts,
		"dead", f.Dead, "err", err)
	t.fail(ctx, lease, f)
}

// failure is what becomes of a timer that failed with err.
func (t *Timers) failure(h Held, err error) Failure {
	dead := t.options.Attempts > 0 && h.Attempts >= t.options.Attempts
	return Failure{Held: h, Reason: reasonOf(err), After: t.backoff(h.Attempts), Dead: dead}
}

// maxReason bounds what is kept of an error.
const maxReason = 2000

func reasonOf(err error) string {
	text := err.Error()
	return string([]rune(text[:min(len(text), maxReason)]))
}

// giveBack ends the leases of timers that were not tried.
func (t *Timers) giveBack(ctx context.Context, lease string, held []Held) error {
	failures := make([]Failure, len(held))
	for i, h := range held {
		failures[i] = Failure{Held: h, Undo: true}
	}
	return t.failAll(ctx, lease, failures)
}

// putOff ends the leases of timers whose work failed since something is away: they come back one by one.
func (t *Timers) putOff(ctx context.Context, lease string, held []Held, err error) error {
	if ctx.Err() != nil { // drained
		return errors.Join(err, t.giveBack(ctx, lease, held))
	}
	failures := make([]Failure, len(held))
	for i, h := range held {
		failures[i] = t.failure(h, err)
	}
	t.failed.Add(int64(len(held)))
	return errors.Join(err, t.failAll(ctx, lease, failures))
}

func (t *Timers) fail(ctx context.Context, lease string, f Failure) {
	if err := t.failAll(ctx, lease, []Failure{f}); err != nil {
		t.trouble(ctx, err) // the lease ends by itself
	}
}

func (t *Timers) failAll(ctx context.Context, lease string, failures []Failure) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return t.store.Fail(ctx, lease, failures)
}

// backoff returns how long to wait after an attempt.
func (t *Timers) backoff(attempt int) time.Duration {
	d := t.options.Backoff
	for range attempt - 1 {
		if d *= 2; d >= t.options.MaxBackoff {
			break
		}
	}
	d = min(d, t.options.MaxBackoff)
	return d/2 + rand.N(d/2+1)
}

// sleep waits for d, for news, or for the end of ctx.
func (t *Timers) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-t.wake:
	case <-timer.C:
	}
}

// trouble tells of an error of the store, unless it is the end of the context.
func (t *Timers) trouble(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	t.noteError(err)
	t.options.Logger.Warn("timers not reached", "err", err)
}
