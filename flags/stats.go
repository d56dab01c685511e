package flags

import (
	"sync/atomic"
	"time"
)

// Stats is what a Set did since it was made, and how it stands.
type Stats struct {
	Status     Status
	Revision   int64
	Flags      int
	Segments   int
	Faults     map[string]string // by "flag/key" or "segment/key": records that cannot be read, and why; their last good version is live
	Loads      int64             // updates that brought something new
	Refreshes  int64
	LastAnswer time.Time // when the store last answered
	LastError  string    // of the last refresh, stage or mark; empty when it went well
	Exposed    int64     // exposures handed on
	Dropped    int64     // exposures that nobody had time for
	Advanced   int64     // stages begun by this process
	RolledBack int64     // ramps taken back by this process
	CopyError  string    // of the last copy to disk; empty when it went well
}

type counts struct {
	loads, refreshes, advanced, rolledBack atomic.Int64
	answered                               atomic.Int64 // nanoseconds since 1970
	failing                                atomic.Int64 // how old the Set was when the store was first asked in vain; 0: it answers
	lastError                              atomic.Pointer[string]
	copyError                              atomic.Pointer[string]
}

// Stats returns the present counts.
func (s *Set) Stats() Stats {
	snap := s.live.Load()
	st := Stats{
		Status: s.Status(), Revision: snap.revision, Flags: len(snap.flags), Segments: len(snap.segments),
		Loads: s.stats.loads.Load(), Refreshes: s.stats.refreshes.Load(),
		Advanced: s.stats.advanced.Load(), RolledBack: s.stats.rolledBack.Load(),
		LastError: text(&s.stats.lastError), CopyError: text(&s.stats.copyError), Faults: map[string]string{},
	}
	if at := s.stats.answered.Load(); at != 0 {
		st.LastAnswer = time.Unix(0, at).UTC()
	}
	for name, err := range snap.faults {
		st.Faults[name] = err.Error()
	}
	if s.expose != nil {
		st.Exposed, st.Dropped = s.expose.handed.Load(), s.expose.dropped.Load()
	}
	return st
}

func text(p *atomic.Pointer[string]) string {
	if t := p.Load(); t != nil {
		return *t
	}
	return ""
}

func noteError(p *atomic.Pointer[string], err error) {
	t := ""
	if err != nil {
		t = err.Error()
	}
	p.Store(&t)
}
