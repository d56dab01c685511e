package listenpg

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/option"
)

// ErrIndirect says that a pooler stands between the process and Postgres.
var ErrIndirect = fmt.Errorf("listening needs a direct connection, not one through a pooler: %w", tenon.ErrInvalid)

// Options sets what a [Listener] does. The zero value and nil give the defaults; so does a negative value, but where it says
// otherwise.
type Options struct {
	Keepalive  time.Duration // a silent connection is asked this often; default 30 s, negative never
	Timeout    time.Duration // for connecting and for an answer; default 10 s, negative none
	MinBackoff time.Duration // before the second attempt to connect, then doubling; default 100 ms
	MaxBackoff time.Duration // default 30 s
	Drain      time.Duration // for calls under way when Run ends; default 10 s, negative none
	Queue      int           // different payloads that wait for one subscriber; default 64
	Logger     *slog.Logger  // default discards
}

// Listener is one connection that listens for many subscribers. Its methods may be called concurrently.
type Listener struct {
	config *pgx.ConnConfig
	opts   Options

	mu        sync.Mutex
	running   *running // nil outside Run
	subs      []*subscriber
	changed   bool               // subs is not what the connection listens to
	interrupt context.CancelFunc // ends the wait for a notification
	stats     state
}

// running is what lasts as long as one Run.
type running struct {
	workers sync.WaitGroup
}

// New returns a Listener that connects by config, which it copies. It does nothing before [Listener.Run].
func New(config *pgx.ConnConfig, opts *Options) *Listener {
	l := &Listener{opts: withDefaults(opts)}
	if config != nil {
		l.config = config.Copy()
		if l.config.RuntimeParams["application_name"] == "" {
			l.config.RuntimeParams["application_name"] = "tenon listener"
		}
	}
	return l
}

func withDefaults(opts *Options) Options {
	var o Options
	if opts != nil {
		o = *opts
	}
	o.Keepalive = cmp.Or(o.Keepalive, 30*time.Second)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.MinBackoff = option.Positive(o.MinBackoff, 100*time.Millisecond)
	o.MaxBackoff = option.Positive(o.MaxBackoff, 30*time.Second)
	o.Drain = cmp.Or(o.Drain, 10*time.Second)
	o.Queue = option.Positive(o.Queue, 64)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Subscribe calls fn with the payload of each notification on channel, and with "" when notifications may have been
// missed, from the time when Run listens to the channel. See the package's page on the order and the number of calls.
// It may be called before Run and while Run runs. A channel that cannot be, because its name is empty, longer than 63
// bytes or has a zero byte in it, is logged, and fn is never called.
//
// After cancel returns, no call begins, apart from one that was about to; cancel does not wait for a call under way, so
// fn itself may call it, and more than once.
func (l *Listener) Subscribe(channel string, fn func(payload string)) (cancel func()) {
	if !possible(channel) {
		l.opts.Logger.Error("listenpg: impossible channel", "channel", channel)
		return func() {}
	}
	s := newSubscriber(channel, fn, l.opts.Queue)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subs = append(l.subs, s)
	if l.running != nil {
		l.running.workers.Go(s.work)
	}
	l.touch()
	return func() { l.unsubscribe(s) }
}

func possible(channel string) bool {
	return channel != "" && len(channel) <= 63 && utf8.ValidString(channel) && !strings.Contains(channel, "\x00")
}

func (l *Listener) unsubscribe(s *subscriber) {
	s.stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subs = slices.DeleteFunc(l.subs, func(other *subscriber) bool { return other == s })
	l.touch()
}

// touch makes Run compare what it listens to with what is wanted. The caller holds mu.
func (l *Listener) touch() {
	l.changed = true
	if l.interrupt != nil {
		l.interrupt()
	}
}

// Run connects, listens and calls subscribers until ctx is done. Then it gives calls that are under way, and payloads
// that wait, Options.Drain to finish, and returns nil, or an error that names the channels whose subscribers did not
// finish; those are told to stop and not waited for. It returns early only for a Listener without a config, and when it
// runs already. It may be called again after it returned.
func (l *Listener) Run(ctx context.Context) error {
	if l.config == nil {
		return fmt.Errorf("listenpg: %w", tenon.Invalid("config", "is nil"))
	}
	r, err := l.start()
	if err != nil {
		return err
	}
	for failures := 0; ctx.Err() == nil; {
		began := time.Now()
		err := l.session(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > l.opts.MaxBackoff {
			failures = 0
		}
		pause := l.opts.backoff(failures)
		failures++
		l.lost(err)
		l.opts.Logger.WarnContext(ctx, "listenpg: no connection", "error", err, "retry_in", pause)
		sleep(ctx, pause)
	}
	l.lost(nil)
	return l.drain(r)
}

func (l *Listener) start() (*running, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running != nil {
		return nil, fmt.Errorf("listenpg: already running: %w", tenon.ErrConflict)
	}
	l.running = &running{}
	l.stats.Since = now()
	for _, s := range l.subs {
		s.reopen()
		l.running.workers.Go(s.work)
	}
	return l.running, nil
}

// drain lets the subscribers finish what waits for them.
func (l *Listener) drain(r *running) error {
	l.mu.Lock()
	subs := slices.Clone(l.subs)
	l.running = nil // a subscriber that comes now waits for the next Run
	l.mu.Unlock()
	for _, s := range subs {
		s.finish()
	}
	done := make(chan struct{})
	go func() {
		r.workers.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-time.After(l.opts.Drain):
	}
	var late []string
	for _, s := range subs {
		if s.abandon() {
			late = append(late, s.channel)
		}
	}
	if len(late) == 0 {
		return nil
	}
	return fmt.Errorf("listenpg: %w: subscribers of %s are still busy", context.DeadlineExceeded, strings.Join(late, ", "))
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// now returns an instant as tenon keeps them.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
