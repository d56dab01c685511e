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
	s.stats.refreshes.Add(1)
	noteError(&s.stats.lastError, err)
	if err != nil {
		s.stats.failing.CompareAndSwap(0, time.Now().UnixNano())
		s.tellStatus()
		return err
	}
	s.stats.failing.Store(0)
	s.stats.answered.Store(time.Now().UnixNano())
	if s.state.onDisk {
		s.state = newState()
	}
	s.take(u)
	return nil
}

// take lets an update go live, where it brings anything. What is older than what is live changes nothing.
func (s *Set) take(u Update) {
	if s.live.Load() != emptySnapshot && !s.live.Load().fromDisk && u.Revision <= s.state.revision {
		s.tellStatus()
		return
	}
	keys := s.state.apply(u)
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
