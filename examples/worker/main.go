// Command worker does what a service leaves for later: it fires the timers that others scheduled, and delivers what stands
// in the outbox. Run it on as many machines as you like; each thing is done by one of them. SIGTERM lets it end what it is
// at and take nothing new; a second one ends it at once, and what it was at is done by another worker, or the next.
//
//	DATABASE_URL=postgres://… go run ./examples/worker
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

func main() { os.Exit(start()) }

func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal is nobody's: it ends the process
	if err := run(ctx, os.Getenv("DATABASE_URL"), notify.Slog(slog.Default())); err != nil {
		slog.Error("worker", "err", err)
		return 1
	}
	return 0
}

// run works until ctx is done, and then until what is under way has ended.
func run(ctx context.Context, url string, oncall tenon.Notifier) error {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	work := support.Work{"invoice.overdue": {Each: remind}}
	timers, err := support.NewTimers(supportpg.New(pool, nil), work, &support.TimersOptions{Logger: slog.Default()})
	if err != nil {
		return err
	}
	outbox := notify.NewOutbox(notifypg.New(pool, nil), map[string]tenon.Notifier{"oncall": oncall}, &notify.Options{Logger: slog.Default()})
	return together(ctx, timers.Run, outbox.Run)
}

// remind handles a timer. What it writes, and that the timer is over, are kept in one transaction: it is told once.
func remind(ctx context.Context, s support.Store, t support.Timer) error {
	tx, ok := supportpg.Tx(s)
	if !ok {
		return errors.New("no transaction")
	}
	outbox := notify.NewOutbox(notifypg.New(tx, nil), map[string]tenon.Notifier{"oncall": nil}, nil)
	return outbox.Notify(ctx, tenon.Notification{
		Key: "invoice.overdue/" + t.Key, Kind: "invoice.overdue", Tenant: t.Tenant, Severity: tenon.SeverityWarning,
		Title: t.Key + " is overdue", At: t.At,
	})
}

// together runs all until ctx is done. When one ends by itself, none goes on without it.
func together(ctx context.Context, loops ...func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	errs := make([]error, len(loops))
	for i, loop := range loops {
		all.Go(func() { errs[i] = loop(ctx); stop() })
	}
	all.Wait()
	return errors.Join(errs...)
}
