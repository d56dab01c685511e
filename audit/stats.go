package audit

import (
	"sync"
	"sync/atomic"
	"time"
)

// Stats is what a log did since it was made, and what its store holds as of the last look by Run.
type Stats struct {
	Recorded int64         // entries handed to the store that it took
	Queued   int           // entries in the queue now
	QueueAge time.Duration // how long the oldest of them waits
	Refused  int64         // records that Enqueue did not take
	Spooled  int64         // entries written to disk since the start
	OnDisk   int           // of those, still there
	SetAside int64         // lines and records kept beside the spool, for a person to look at
	Sealed   int64         // entries that this process sealed
	Told     int64         // entries that this process told sinks
	Dropped  int64         // entries let go of by retention
	Head     Head          // as of LastLook
	Lag      time.Duration // the age of the oldest entry without a leaf, as of LastLook
	// Checkpoint is the size of the newest checkpoint, and Anchored that of the newest that the anchors have.
	Checkpoint, Anchored int64
	LastLook             time.Time // when Run looked last; zero: it never did
	LastError            string    // of Run's last round; empty when it went well
}

type counters struct {
	recorded, refused, spooled, setAside, sealed, told, dropped atomic.Int64

	mu   sync.Mutex
	seen Stats // what is read from the store, and LastError
}

// Stats returns the present counts.
func (l *Log) Stats() Stats {
	l.stats.mu.Lock()
	s := l.stats.seen
	l.stats.mu.Unlock()
	s.Recorded, s.Refused = l.stats.recorded.Load(), l.stats.refused.Load()
	s.Spooled, s.SetAside, s.OnDisk = l.stats.spooled.Load(), l.stats.setAside.Load(), int(l.spool.Left())
	s.Sealed, s.Told, s.Dropped = l.stats.sealed.Load(), l.stats.told.Load(), l.stats.dropped.Load()
	s.Queued, s.QueueAge = l.queue.size()
	return s
}

// see changes what Stats says of the store.
func (c *counters) see(change func(s *Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.seen)
}
