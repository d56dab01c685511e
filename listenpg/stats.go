package listenpg

import "time"

// Stats is the state of a [Listener].
type Stats struct {
	Connected     bool
	Since         time.Time // when Connected became what it is; zero before Run
	Reconnects    uint64    // connections after the first
	Notifications uint64    // that came from Postgres, before any were merged
	Subscribers   int
	LastError     string // why the connection was last lost or refused; empty when it never was
}

// Stats returns the present state.
func (l *Listener) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	stats := l.stats.Stats
	stats.Subscribers = len(l.subs)
	return stats
}

// state is Stats and the count behind it.
type state struct {
	Stats
	sessions uint64
}

// connected records a new session and returns its number.
func (l *Listener) connected() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.sessions++
	l.stats.Connected, l.stats.Since = true, now()
	l.stats.Reconnects = l.stats.sessions - 1
	return l.stats.sessions
}

// lost records that there is no connection, and why when err is not nil.
func (l *Listener) lost(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stats.Connected {
		l.stats.Connected, l.stats.Since = false, now()
	}
	if err != nil {
		l.stats.LastError = err.Error()
	}
}
