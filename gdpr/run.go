package gdpr

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/transbotai/tenon"
)

// Run works on what is due, every Options.Every, until ctx is done: it marks, restores, exports, erases when the grace
// has passed, tries again what failed, removes exports that have expired and tells of requests that are overdue. It is
// safe to run on every instance at once: each request is worked on by one. Work that is under way when ctx is done is
// broken off; the next Run, here or elsewhere, goes on with it.
func (d *Desk) Run(ctx context.Context) error {
	if s, ok := d.store.(tenon.Starter); ok {
		if err := s.Start(ctx); err != nil {
			return err
		}
	}
	tick := time.NewTicker(d.options.Every)
	defer tick.Stop()
	for {
		if err := d.Round(ctx); err != nil && ctx.Err() == nil {
			d.options.Logger.Error("gdpr requests", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Round works once on all that is due, and returns what failed. What failed is stored with its request.
func (d *Desk) Round(ctx context.Context) error {
	var failed error
	for ctx.Err() == nil {
		r, ok, err := d.claim(ctx)
		if err != nil || !ok {
			return d.counts.round(errors.Join(failed, err, d.census(ctx)))
		}
		_, err = d.work(ctx, r, (*job).advance)
		failed = errors.Join(failed, err)
	}
	return d.counts.round(errors.Join(failed, ctx.Err()))
}

// leaseName returns a name that no other lease has.
func leaseName() string { return tenon.NewID(time.Now()) }

func (d *Desk) claim(ctx context.Context) (Request, bool, error) {
	now, err := d.now(ctx)
	if err != nil {
		return Request{}, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.options.Timeout)
	defer cancel()
	rs, err := d.store.Claim(ctx, Claim{Now: now, Until: now.Add(d.options.Lease), Lease: leaseName(), Limit: 1})
	if err != nil || len(rs) == 0 {
		return Request{}, false, err
	}
	return rs[0], true, nil
}

// Stats is what a Desk did since it was made, and what it saw when it looked last.
type Stats struct {
	Rounds     int64
	Failed     int64 // rounds in which something failed
	Steps      int64 // pieces of work that went well
	StepErrors int64
	Completed  int64     // requests, by this instance
	LastRun    time.Time // when a round last went well
	LastError  string    // of the last round; empty when it went well

	// Of at most MaxList open requests, as of the last round.
	Open      int64
	Overdue   int64
	Failing   int64     // with a step whose last attempt failed
	OldestDue time.Time // the next due date; zero when nothing is open
}

type counts struct {
	rounds, failed, steps, stepErrors, completed atomic.Int64

	lastRun   atomic.Pointer[time.Time]
	lastError atomic.Pointer[string]
	seen      atomic.Pointer[Stats]
}

func (c *counts) step(err error) {
	if err != nil {
		c.stepErrors.Add(1)
		return
	}
	c.steps.Add(1)
}

func (c *counts) round(err error) error {
	c.rounds.Add(1)
	text := ""
	if err != nil {
		c.failed.Add(1)
		text = err.Error()
	} else {
		now := time.Now()
		c.lastRun.Store(&now)
	}
	c.lastError.Store(&text)
	return err
}

// census looks at what is open.
func (d *Desk) census(ctx context.Context) error {
	now, err := d.now(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d.options.Timeout)
	defer cancel()
	open, err := d.store.List(ctx, Query{Open: true, Limit: MaxList})
	if err != nil {
		return err
	}
	seen := Stats{Open: int64(len(open))}
	for _, r := range open {
		if r.Overdue(now) {
			seen.Overdue++
		}
		if r.failing() {
			seen.Failing++
		}
		if seen.OldestDue.IsZero() || r.DueAt.Before(seen.OldestDue) {
			seen.OldestDue = r.DueAt
		}
	}
	d.counts.seen.Store(&seen)
	return nil
}

func (r *Request) failing() bool {
	for _, s := range r.Steps {
		if s.Error != "" {
			return true
		}
	}
	return false
}

// Stats returns the present counts.
func (d *Desk) Stats() Stats {
	c := d.counts
	var s Stats
	if seen := c.seen.Load(); seen != nil {
		s = *seen
	}
	s.Rounds, s.Failed, s.Steps = c.rounds.Load(), c.failed.Load(), c.steps.Load()
	s.StepErrors, s.Completed = c.stepErrors.Load(), c.completed.Load()
	if t := c.lastRun.Load(); t != nil {
		s.LastRun = *t
	}
	if e := c.lastError.Load(); e != nil {
		s.LastError = *e
	}
	return s
}
