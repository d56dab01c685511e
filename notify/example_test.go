package notify_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
)

// printer prints titles.
var printer = notify.Func(func(_ context.Context, n tenon.Notification) error {
	fmt.Println(n.Title)
	return nil
})

var frozen = tenon.Notification{
	Key: "slo.frozen/uptime/7", Kind: "slo.frozen", Severity: tenon.SeverityCritical, Title: "Releases are frozen",
	At: time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC), Data: map[string]string{"objective": "uptime"},
}

func ExampleNewOutbox() {
	ctx, cancel := context.WithCancel(context.Background())
	arrived := make(chan string)
	hook := notify.Func(func(_ context.Context, n tenon.Notification) error {
		arrived <- n.Title
		return nil
	})
	outbox := notify.NewOutbox(notify.NewMemoryStore(), map[string]tenon.Notifier{"oncall": hook}, nil)
	ended := make(chan error)
	go func() { ended <- outbox.Run(ctx) }()
	if err := outbox.Notify(ctx, frozen); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-arrived)
	cancel()
	fmt.Println(<-ended)
	// Output:
	// Releases are frozen
	// <nil>
}

func ExampleOutbox_Replay() {
	ctx := context.Background()
	store := notify.NewMemoryStore()
	outbox := notify.NewOutbox(store, map[string]tenon.Notifier{"oncall": printer}, nil)
	err := outbox.Replay(ctx, notify.Ref{Tenant: "acme", ID: tenon.NewID(time.Now())})
	fmt.Println(errors.Is(err, tenon.ErrNotFound))
	// Output: true
}

func ExampleSlog() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	_ = notify.Slog(logger).Notify(context.Background(), frozen)
	// Output: level=ERROR msg="Releases are frozen" key=slo.frozen/uptime/7 kind=slo.frozen at=2026-03-10T12:00:00.000Z data=map[objective:uptime]
}

func ExampleFirst() {
	pager := notify.Func(func(context.Context, tenon.Notification) error { return errors.New("away") })
	err := notify.First(pager, printer).Notify(context.Background(), frozen)
	fmt.Println(err)
	// Output:
	// Releases are frozen
	// <nil>
}

func ExampleAtLeast() {
	_ = notify.AtLeast(tenon.SeverityCritical, printer).Notify(context.Background(), frozen)
	mild := frozen
	mild.Severity = tenon.SeverityInfo
	_ = notify.AtLeast(tenon.SeverityCritical, printer).Notify(context.Background(), mild)
	// Output: Releases are frozen
}

func ExampleNewOnce() {
	once := notify.NewOnce(printer, nil)
	for range 3 {
		_ = once.Notify(context.Background(), frozen)
	}
	// Output: Releases are frozen
}
