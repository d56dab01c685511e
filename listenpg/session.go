package listenpg

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// session is one connection's life.
type session struct {
	*Listener
	conn     *pgx.Conn
	number   uint64
	channels map[string]bool // listened to
}

// session returns when the connection is lost or ctx is done.
func (l *Listener) session(ctx context.Context) error {
	conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := l.limit(context.WithoutCancel(ctx))
		defer cancel()
		_ = conn.Close(ctx) // it is given up either way
	}()
	s := &session{Listener: l, conn: conn, channels: map[string]bool{}}
	if err := s.sync(ctx); err != nil {
		return err
	}
	s.number = l.connected()
	s.greet()
	for {
		if err := s.wait(ctx); err != nil {
			return err
		}
	}
}

func (l *Listener) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := l.limit(ctx)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, l.config)
	if err != nil {
		return nil, err
	}
	if err := checkDirect(ctx, conn); err != nil {
		_ = conn.Close(ctx) // err says more
		return nil, err
	}
	return conn, nil
}

// checkDirect compares the process that answers with the one that the connection was opened to. A pooler makes the
// latter up.
func checkDirect(ctx context.Context, conn *pgx.Conn) error {
	var pid uint32
	err := conn.QueryRow(ctx, "select pg_backend_pid()::oid", pgx.QueryExecModeExec).Scan(&pid)
	if err == nil && pid != conn.PgConn().PID() {
		err = ErrIndirect
	}
	return err
}

// wait takes one notification, or does what else is due.
func (s *session) wait(ctx context.Context) error {
	waiting, cancel := s.limitBy(ctx, s.opts.Keepalive)
	defer cancel()
	if s.armed(cancel) {
		n, err := s.conn.WaitForNotification(waiting)
		s.disarm()
		if n != nil {
			s.deliver(n.Channel, n.Payload)
			return nil
		}
		if waiting.Err() == nil || ctx.Err() != nil || s.conn.IsClosed() {
			return err
		}
	}
	if s.pending() {
		if err := s.sync(ctx); err != nil {
			return err
		}
		s.greet()
		return nil
	}
	return s.ping(ctx)
}

// armed lets Subscribe interrupt the wait that follows, and reports false when there is no need to wait.
func (l *Listener) armed(interrupt context.CancelFunc) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed {
		return false
	}
	l.interrupt = interrupt
	return true
}

func (l *Listener) disarm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.interrupt = nil
}

func (l *Listener) pending() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

func (s *session) ping(ctx context.Context) error {
	limited, cancel := s.limit(ctx)
	defer cancel()
	if err := s.conn.Ping(limited); err != nil {
		return fmt.Errorf("keepalive: %w", err)
	}
	return nil
}

// sync listens to the channels that have subscribers, and to no others.
func (s *session) sync(ctx context.Context) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	wanted := s.wanted()
	for _, channel := range slices.Sorted(maps.Keys(wanted)) {
		if !s.channels[channel] {
			if err := s.exec(ctx, "listen ", channel); err != nil {
				return err
			}
		}
	}
	for _, channel := range slices.Sorted(maps.Keys(s.channels)) {
		if !wanted[channel] {
			if err := s.exec(ctx, "unlisten ", channel); err != nil {
				return err
			}
		}
	}
	s.channels = wanted
	return nil
}

func (s *session) exec(ctx context.Context, command, channel string) error {
	if _, err := s.conn.Exec(ctx, command+pgx.Identifier{channel}.Sanitize()); err != nil {
		return fmt.Errorf("%s%q: %w", command, channel, err)
	}
	return nil
}

func (l *Listener) wanted() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed = false
	wanted := map[string]bool{}
	for _, s := range l.subs {
		wanted[s.channel] = true
	}
	return wanted
}

// greet tells those who have not heard from this session that they may have missed something.
func (s *session) greet() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		if s.channels[sub.channel] {
			sub.greet(s.number)
		}
	}
}

func (l *Listener) deliver(channel, payload string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Notifications++
	for _, s := range l.subs {
		if s.channel == channel {
			s.put(payload)
		}
	}
}

// limit bounds ctx by Options.Timeout.
func (l *Listener) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return l.limitBy(ctx, l.opts.Timeout)
}

func (l *Listener) limitBy(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// backoff returns how long to wait after so many failures in a row: between half and the whole of a bound that doubles.
func (o Options) backoff(failures int) time.Duration {
	bound := max(o.MinBackoff, 1)
	for range failures {
		if bound >= o.MaxBackoff {
			break
		}
		bound *= 2
	}
	bound = max(1, min(bound, o.MaxBackoff))
	return bound/2 + rand.N(bound/2+1)
}
