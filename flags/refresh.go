package flags

import (
	"context"
	"sync"
	"time"
)

// refresh asks the store what is new and lets it go live.
func (s *Set) refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refreshLocked(ctx)
}

func (s *Set) refreshLocked(ctx context.Context) error {
	since := s.state.revision
	if s.state.onDisk {
		since = 0 // the copy may be of another database
	}
	u, err := s.store.Load(ctx, since)
	anew := s.state.onDisk
	if err == nil && u.Revision < since {
		s.options.Logger.Warn("the store went back, flags are read anew", "from", since, "to", u.Revision)
		anew = true
		u, err = s.store.Load(ctx, 0)
	}
	s.stats.refreshes.Add(1)
	noteError(&s.stats.lastError, err)
	if err != nil {
		s.stats.failing.CompareAndSwap(0, max(int64(time.Since(s.made)), 1))
		s.tellStatus()
		return err
	}
	s.stats.failing.Store(0)
	s.stats.answered.Store(time.Now().UnixNano())
	switch {
	case anew:
		gone := s.live.Load().keys()
		s.state = newState()
		s.goLive(u, gone)
	case s.live.Load() != emptySnapshot && u.Revision == since:
		s.tellStatus()
	default:
		s.goLive(u, nil)
	}
	return nil
}

// goLive lets an update go live, in place of flags that may be gone.
func (s *Set) goLive(u Update, gone []string) {
	keys := s.state.withUsers(append(gone, s.state.apply(u)...))
	s.live.Store(s.state.snapshot())
	s.stats.loads.Add(1)
	s.told = s.Status()
	s.watchers.tell(Event{Status: s.told, Revision: s.state.revision, Keys: keys})
}

func (s *Set) tellStatus() {
	if now := s.Status(); now != s.told {
		s.told = now
		s.watchers.tell(Event{Status: now, Revision: s.state.revision})
	}
}

// Event tells that something else is live, or that the status changed.
type Event struct {
	Status   Status
	Revision int64
	Keys     []string // of the flags that may answer otherwise; empty when only the status changed
}

// watchers are who is told of events.
type watchers struct {
	mu  sync.Mutex
	fns map[*watching]struct{}
}

type watching struct{ fn func(Event) }

// Watch calls fn after every change of what is live and of the status, one at a time and in order, until cancel is
// called. It must not block, nor change what is stored by s.
func (s *Set) Watch(fn func(Event)) (cancel func()) {
	w, one := &s.watchers, &watching{fn}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fns == nil {
		w.fns = map[*watching]struct{}{}
	}
	w.fns[one] = struct{}{}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.fns, one)
	}
}

func (w *watchers) tell(e Event) {
	w.mu.Lock()
	fns := make([]func(Event), 0, len(w.fns))
	for one := range w.fns {
		fns = append(fns, one.fn)
	}
	w.mu.Unlock()
	for _, fn := range fns {
		fn(e)
	}
}
