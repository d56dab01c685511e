// Package pgrun is the loop by which adapters with the suffix pg work in the background.
package pgrun

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/migrations"
)

// Work is what a loop does.
type Work struct {
	// DB is where the work is done; row level security must not hide tenants there.
	DB migrations.Querier
	// Bound says that DB is a transaction, in which nothing runs.
	Bound bool
	// Every is how often Round is called.
	Every time.Duration
	// Ready is asked once, before the first round. An error of the class [tenon.ErrInvalid] ends the loop. Nil: nothing
	// is asked.
	Ready func(ctx context.Context) error
	// Round works once. What it leaves undone the next one must find.
	Round func(ctx context.Context) error
	// Name is what the log calls the work.
	Name   string
	Logger *slog.Logger
}

// Loop is work in the background and how it went. The zero Loop is ready.
type Loop struct {
	lastRun   atomic.Pointer[time.Time]
	lastError atomic.Pointer[string]
}

// Run works until ctx is done. It refuses to start in a transaction, and where row level security hides rows.
func (l *Loop) Run(ctx context.Context, w Work) error {
	if w.Bound {
		return tenon.Invalid("db", "a store bound to a transaction does not run")
	}
	tick := time.NewTicker(w.Every)
	defer tick.Stop()
	for ready := false; ; {
		err := w.round(ctx, &ready)
		if errors.Is(err, migrations.ErrFiltered) || !ready && errors.Is(err, tenon.ErrInvalid) {
			return err
		}
		l.note(ctx, w, err)
		select {
		case <-ctx.Done():
			return nil // every piece of work is a transaction of its own, and the next Run finds what is left
		case <-tick.C:
		}
	}
}

func (w *Work) round(ctx context.Context, ready *bool) error {
	if !*ready {
		if err := migrations.CheckNotFiltered(ctx, w.DB); err != nil {
			return err
		}
		if w.Ready != nil {
			if err := w.Ready(ctx); err != nil {
				return err
			}
		}
		*ready = true
	}
	return w.Round(ctx)
}

func (l *Loop) note(ctx context.Context, w Work, err error) {
	now, text := time.Now(), ""
	switch {
	case err == nil:
		l.lastRun.Store(&now)
	case ctx.Err() == nil:
		text = err.Error()
		w.Logger.Error(w.Name, "err", err)
	}
	l.lastError.Store(&text)
}

// LastRun returns when a round last went well; zero: none did.
func (l *Loop) LastRun() time.Time {
	if t := l.lastRun.Load(); t != nil {
		return *t
	}
	return time.Time{}
}

// LastError returns what the last round ended with; empty when it went well.
func (l *Loop) LastError() string {
	if text := l.lastError.Load(); text != nil {
		return *text
	}
	return ""
}

// AtOnce bounds one delete of [Prune], so that it holds its locks for a moment only.
const AtOnce = 5000

// Execer is what Prune needs of pgx.
type Execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Prune runs a delete with args, and last how many rows it may remove at once, until nothing is left to remove. It adds
// what it removed to removed.
func Prune(ctx context.Context, db Execer, removed *atomic.Int64, sql string, args ...any) error {
	args = append(args[:len(args):len(args)], AtOnce)
	for {
		tag, err := db.Exec(ctx, sql, args...)
		if err != nil {
			return err
		}
		removed.Add(tag.RowsAffected())
		if tag.RowsAffected() < AtOnce {
			return nil
		}
	}
}
