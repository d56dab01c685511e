package listenpg

import (
	"slices"
	"sync"
)

// subscriber is one function and the payloads that wait for it.
type subscriber struct {
	channel string
	fn      func(string)
	limit   int

	mu      sync.Mutex
	wake    sync.Cond
	waiting []string
	working bool   // a worker runs
	busy    bool   // in fn
	ending  bool   // work ends when nothing waits
	stopped bool   // work ends now
	greeted uint64 // the session that has said ""
}

func newSubscriber(channel string, fn func(string), limit int) *subscriber {
	s := &subscriber{channel: channel, fn: fn, limit: limit}
	s.wake.L = &s.mu
	return s
}

// put queues a payload. It never waits for fn.
func (s *subscriber) put(payload string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || slices.Contains(s.waiting, payload) {
		return
	}
	if len(s.waiting) >= s.limit {
		s.waiting, payload = s.waiting[:0], ""
	}
	s.waiting = append(s.waiting, payload)
	s.wake.Broadcast()
}

// greet queues a "" unless the subscriber has had one since session began.
func (s *subscriber) greet(session uint64) {
	s.mu.Lock()
	due := s.greeted != session
	s.greeted = session
	s.mu.Unlock()
	if due {
		s.put("")
	}
}

// work calls fn for each payload until it is told to end. A worker that an earlier Run left behind, because fn did not
// return, goes on in place of the new one.
func (s *subscriber) work() {
	if !s.begin() {
		return
	}
	defer s.set(func() { s.working = false })
	for {
		payload, ok := s.next()
		if !ok {
			return
		}
		s.fn(payload)
	}
}

func (s *subscriber) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.working && !s.stopped {
		s.wake.Wait()
	}
	ok := !s.stopped
	s.working = s.working || ok
	return ok
}

func (s *subscriber) next() (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	for len(s.waiting) == 0 && !s.ending && !s.stopped {
		s.wake.Wait()
	}
	if s.stopped || len(s.waiting) == 0 {
		return "", false
	}
	payload := s.waiting[0]
	s.waiting = slices.Delete(s.waiting, 0, 1)
	s.busy = true
	return payload, true
}

// finish makes work end when nothing waits.
func (s *subscriber) finish() { s.set(func() { s.ending = true }) }

// stop makes work end now; what waits is dropped.
func (s *subscriber) stop() { s.set(func() { s.stopped, s.waiting = true, nil }) }

// reopen undoes finish.
func (s *subscriber) reopen() { s.set(func() { s.ending = false }) }

func (s *subscriber) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.wake.Broadcast()
}

// abandon drops what waits, and reports whether fn is running or something waited.
func (s *subscriber) abandon() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := s.busy || len(s.waiting) > 0
	s.waiting = nil
	s.wake.Broadcast()
	return late
}
