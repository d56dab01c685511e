package notify

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/tell"
)

// Func is a function that is a [tenon.Notifier].
type Func func(ctx context.Context, n tenon.Notification) error

// Notify calls f.
func (f Func) Notify(ctx context.Context, n tenon.Notification) error { return f(ctx, n) }

// Slog returns a notifier that writes each notification as one record: info, warning or error by its severity, the
// title as the message. It never fails.
func Slog(logger *slog.Logger) tenon.Notifier {
	return Func(func(ctx context.Context, n tenon.Notification) error {
		attrs := []slog.Attr{slog.String("key", n.Key), slog.String("kind", n.Kind), slog.Time("at", n.At)}
		if n.Tenant != "" {
			attrs = append(attrs, slog.String("tenant", n.Tenant))
		}
		if n.Text != "" {
			attrs = append(attrs, slog.String("text", n.Text))
		}
		if len(n.Data) > 0 {
			attrs = append(attrs, slog.Any("data", n.Data))
		}
		logger.LogAttrs(ctx, level(n.Severity), n.Title, attrs...)
		return nil
	})
}

func level(s tenon.Severity) slog.Level {
	switch s {
	case tenon.SeverityCritical:
		return slog.LevelError
	case tenon.SeverityWarning:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// All returns a notifier that tells each of to, in order. One that fails keeps the others from nothing: each is told,
// and the errors are joined. When the caller tries again, those that succeeded hear the same news twice; put [Once]
// before them, or give each a destination of its own in an [Outbox].
func All(to ...tenon.Notifier) tenon.Notifier { return all(to) }

type all []tenon.Notifier

// Notify implements [tenon.Notifier].
func (a all) Notify(ctx context.Context, n tenon.Notification) error {
	return a.NotifyBatch(ctx, []tenon.Notification{n})
}

// NotifyBatch implements [tenon.BatchNotifier].
func (a all) NotifyBatch(ctx context.Context, ns []tenon.Notification) error {
	var errs []error
	for _, one := range a {
		errs = append(errs, tell.News(ctx, one, ns))
	}
	return errors.Join(errs...)
}

// First returns a notifier that tells the first of to that takes the news: the pager, and when that is away the mail.
// It fails when all fail, or when there is none.
func First(to ...tenon.Notifier) tenon.Notifier {
	return Func(func(ctx context.Context, n tenon.Notification) error {
		errs := []error{ErrNobody}
		for _, one := range to {
			err := one.Notify(ctx, n)
			if err == nil {
				return nil
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
}

// AtLeast returns a notifier that passes on what is as severe as least or more, and drops the rest.
func AtLeast(least tenon.Severity, to tenon.Notifier) tenon.Notifier {
	return When(func(n tenon.Notification) bool { return rank(n.Severity) >= rank(least) }, to)
}

// When returns a notifier that passes on what wanted says yes to, and drops the rest.
func When(wanted func(tenon.Notification) bool, to tenon.Notifier) tenon.Notifier {
	return sieve{wanted, to}
}

type sieve struct {
	wanted func(tenon.Notification) bool
	to     tenon.Notifier
}

// Notify implements [tenon.Notifier].
func (s sieve) Notify(ctx context.Context, n tenon.Notification) error {
	return s.NotifyBatch(ctx, []tenon.Notification{n})
}

// NotifyBatch implements [tenon.BatchNotifier].
func (s sieve) NotifyBatch(ctx context.Context, ns []tenon.Notification) error {
	var news []tenon.Notification
	for _, n := range ns {
		if s.wanted(n) {
			news = append(news, n)
		}
	}
	return tell.News(ctx, s.to, news)
}

// severities are all there are, mildest first.
var severities = []tenon.Severity{tenon.SeverityInfo, tenon.SeverityWarning, tenon.SeverityCritical}

// rank orders severities; one that is unknown ranks as the highest, so that nothing is dropped for a typing error.
func rank(s tenon.Severity) int {
	if i := slices.Index(severities, s); i >= 0 {
		return i
	}
	return len(severities)
}
