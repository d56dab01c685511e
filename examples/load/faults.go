package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/transbotai/tenon/examples/load/internal/house"
	"github.com/transbotai/tenon/examples/load/internal/traffic"
)

// subject is something that can be broken. One thing is done to it at a time.
type subject struct {
	name     string
	instance int // its number; -1 when it is none
	deeds    []deed
	busy     bool
}

// deed breaks something, and mends it later.
type deed struct {
	name        string
	do, undo    func(context.Context) error
	kill        bool // what was in memory is lost
	least, most time.Duration
}

// trouble is what was done.
type trouble struct {
	*subject
	deed
	traffic.Gap
}

// The spans between faults.
const (
	calmLeast = 300 * time.Millisecond
	calmMost  = 5 * time.Second
)

// mendWithin bounds how long something may take to be there again.
const mendWithin = 2 * time.Minute

// havoc breaks what the platform consists of, as drawn from the seed.
type havoc struct {
	*session
	subjects []*subject
	stop     context.CancelFunc
	over     sync.WaitGroup

	mu       sync.Mutex
	troubles []trouble
	errs     []error
}

// breakThings begins to break things, until end is called; without -faults it does nothing.
func (s *session) breakThings(ctx context.Context) *havoc {
	h := &havoc{session: s, stop: func() {}}
	if !s.faults {
		return h
	}
	h.subjects = subjects(s.platform)
	var until context.Context
	until, h.stop = context.WithCancel(ctx)
	h.over.Go(func() { h.rage(ctx, until) })
	return h
}

// subjects are what can be broken, as often as they are to be chosen.
func subjects(p *house.House) []*subject {
	var all []*subject
	for i, in := range p.Instances {
		all = append(all, &subject{name: fmt.Sprintf("transbot %d", i), instance: i, deeds: []deed{
			{name: "killed", kill: true, do: done(in.Kill), undo: in.Start, most: 2 * time.Second},
			{name: "stopped", do: ended(in.Stop), undo: in.Start, most: time.Second},
			paused(in, 6*time.Second),
		}})
	}
	postgres := &subject{name: "Postgres", instance: -1, deeds: []deed{
		{name: "killed", do: simply(p.Postgres.Kill), undo: p.Postgres.Restart, most: 2 * time.Second},
		{name: "restarted", do: simply(func() error { return nil }), undo: p.Postgres.Restart},
		paused(p.Postgres, 4*time.Second),
	}}
	all = append(all, postgres, postgres)
	if p.Redis != nil {
		all = append(all, &subject{name: "Redis", instance: -1, deeds: []deed{
			{name: "killed", kill: true, do: simply(p.Redis.Kill), undo: p.Redis.Restart, most: time.Second},
			paused(p.Redis, 3*time.Second),
		}})
	}
	return all
}

// pauser is what can be frozen.
type pauser interface {
	Pause() error
	Resume() error
}

func paused(p pauser, most time.Duration) deed {
	return deed{name: "paused", do: simply(p.Pause), undo: simply(p.Resume), least: 100 * time.Millisecond, most: most}
}

func simply(f func() error) func(context.Context) error {
	return func(context.Context) error { return f() }
}

func done(f func()) func(context.Context) error { return simply(func() error { f(); return nil }) }

// ended is a stop in good order. While Postgres is away, a program may well end by saying that it could not finish.
func ended(f func() error) func(context.Context) error {
	return simply(func() error { _ = f(); return nil })
}

// rage draws one fault after another. Those that are under way when until is done are mended early.
func (h *havoc) rage(ctx, until context.Context) {
	random := rand.New(rand.NewPCG(h.seed, 0x50a4))
	began := time.Now()
	for wait(until, between(random, calmLeast, calmMost)) {
		s := h.subjects[random.IntN(len(h.subjects))]
		d := s.deeds[random.IntN(len(s.deeds))]
		length := between(random, d.least, d.most)
		if h.take(s) {
			fmt.Fprintf(h.out, "%8.2f s  %s %s, for %v\n", time.Since(began).Seconds(), s.name, d.name, length.Round(time.Millisecond))
			h.over.Go(func() { h.suffer(ctx, until, s, d, length) })
		}
	}
}

func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)+1))
}

// wait returns false when ctx was done before.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// take says whether s is whole, and is not from now on.
func (h *havoc) take(s *subject) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	free := !s.busy
	s.busy = true
	return free
}

// suffer does a deed and undoes it.
func (h *havoc) suffer(ctx, until context.Context, s *subject, d deed, length time.Duration) {
	t := trouble{subject: s, deed: d}
	t.From = time.Now()
	err := d.do(ctx)
	if err == nil {
		wait(until, length)
		err = mend(ctx, d.undo)
	}
	t.To = time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	s.busy = false
	h.troubles = append(h.troubles, t)
	if err != nil {
		h.errs = append(h.errs, fmt.Errorf("%s %s: %w", s.name, d.name, err))
	}
}

// mend undoes something. A transbot cannot start while Postgres is away.
func mend(ctx context.Context, undo func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, mendWithin)
	defer cancel()
	for {
		err := undo(ctx)
		if err == nil || !wait(ctx, 200*time.Millisecond) {
			return err
		}
	}
}

// end ends the faults and returns when everything is there again.
func (h *havoc) end(ctx context.Context) error {
	h.stop()
	h.over.Wait()
	for _, url := range h.urls {
		if err := mend(ctx, func(ctx context.Context) error { return ready(ctx, url) }); err != nil {
			h.errs = append(h.errs, err)
		}
	}
	return errors.Join(h.errs...)
}

func ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is not ready: %s", url, res.Status)
	}
	return nil
}
