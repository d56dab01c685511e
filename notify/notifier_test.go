package notify_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifytest"
)

func TestNotifiersKeepThePromise(t *testing.T) {
	t.Parallel()
	for name, over := range map[string]func(tenon.Notifier) tenon.Notifier{
		"all":      func(n tenon.Notifier) tenon.Notifier { return notify.All(n, n) },
		"first":    func(n tenon.Notifier) tenon.Notifier { return notify.First(failing(errAway), n) },
		"at least": func(n tenon.Notifier) tenon.Notifier { return notify.AtLeast(tenon.SeverityInfo, n) },
		"once":     func(n tenon.Notifier) tenon.Notifier { return notify.NewOnce(n, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			notifytest.TestNotifier(t, func(*testing.T) (tenon.Notifier, func() []string) {
				n := &notifytest.Notifier{}
				return over(n), n.Keys
			})
		})
	}
}

func failing(err error) tenon.Notifier {
	return notify.Func(func(context.Context, tenon.Notification) error { return err })
}

func TestSlogWritesTheSeverityAndTheFacts(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	n := notify.Slog(slog.New(slog.NewTextHandler(&text, nil)))
	for _, s := range []tenon.Severity{tenon.SeverityInfo, tenon.SeverityWarning, tenon.SeverityCritical} {
		news := notifytest.Notification("acme", "k-"+string(s))
		news.Severity = s
		require.NoError(t, n.Notify(t.Context(), news))
	}
	for _, want := range []string{
		`level=INFO msg="It happened: k-info" key=k-info kind=test.happened at=2026-03-10T12:00:00.000Z tenant=acme`,
		"level=WARN", "level=ERROR", `data="map[empty: number:1]"`,
	} {
		require.Contains(t, text.String(), want)
	}
}

func TestAllTellsEachThoughOneFails(t *testing.T) {
	t.Parallel()
	last := &notifytest.Notifier{}
	other := errors.New("other")
	err := notify.All(failing(errAway), failing(other), last).Notify(t.Context(), notifytest.Notification("", "k"))
	require.ErrorIs(t, err, errAway)
	require.ErrorIs(t, err, other)
	require.Len(t, last.Told(), 1)
	require.NoError(t, notify.All().Notify(t.Context(), notifytest.Notification("", "k")))
}

func TestFirstStopsAtTheOneThatTakesTheNews(t *testing.T) {
	t.Parallel()
	second, third := &notifytest.Notifier{}, &notifytest.Notifier{}
	require.NoError(t, notify.First(failing(errAway), second, third).Notify(t.Context(), notifytest.Notification("", "k")))
	require.Len(t, second.Told(), 1)
	require.Empty(t, third.Told())
	err := notify.First(failing(errAway), failing(errAway)).Notify(t.Context(), notifytest.Notification("", "k"))
	require.ErrorIs(t, err, errAway)
	require.ErrorIs(t, notify.First().Notify(t.Context(), notifytest.Notification("", "k")), tenon.ErrUnavailable)
}

func TestAtLeastDropsWhatIsMilder(t *testing.T) {
	t.Parallel()
	to := &notifytest.Notifier{}
	n := notify.AtLeast(tenon.SeverityWarning, to)
	for _, s := range []tenon.Severity{tenon.SeverityInfo, tenon.SeverityWarning, tenon.SeverityCritical, "unheard of"} {
		news := notifytest.Notification("", string(s))
		news.Severity = s
		require.NoError(t, n.Notify(t.Context(), news))
	}
	require.Equal(t, []string{"warning", "critical", "unheard of"}, to.Keys())
}

func TestOnceTellsEachOccasionOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &notifytest.Notifier{}
		once := notify.NewOnce(to, &notify.OnceOptions{For: time.Hour})
		tell := func(tenant string) {
			require.NoError(t, once.Notify(t.Context(), notifytest.Notification(tenant, "k")))
		}
		tell("a")
		tell("a")
		tell("b")
		require.Len(t, to.Told(), 2)
		time.Sleep(time.Hour)
		tell("a")
		require.Len(t, to.Told(), 3)
		require.Equal(t, 1, once.Len())
	})
}

func TestOnceForgetsWhatFailed(t *testing.T) {
	t.Parallel()
	to := &notifytest.Notifier{}
	once := notify.NewOnce(to, nil)
	to.Fail(errAway)
	require.ErrorIs(t, once.Notify(t.Context(), notifytest.Notification("", "k")), errAway)
	to.Fail(nil)
	require.NoError(t, once.Notify(t.Context(), notifytest.Notification("", "k")))
	require.Len(t, to.Told(), 1)
}

func TestOnceRemembersABoundedNumber(t *testing.T) {
	t.Parallel()
	to := &notifytest.Notifier{}
	once := notify.NewOnce(to, &notify.OnceOptions{Keys: 10, For: -1})
	for i := range 100 {
		require.NoError(t, once.Notify(t.Context(), notifytest.Notification("", fmt.Sprint(i))))
	}
	require.Equal(t, 10, once.Len())
	require.NoError(t, once.Notify(t.Context(), notifytest.Notification("", "95")))
	require.Len(t, to.Told(), 100)
	require.NoError(t, once.Notify(t.Context(), notifytest.Notification("", "0")))
	require.Len(t, to.Told(), 101)
}

func TestWhoComesWhileTheSameNewsIsUnderWaySharesItsOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hanging{begun: make(chan string, 10), release: make(chan struct{})}
		once := notify.NewOnce(h, nil)
		ended := make(chan error, 3)
		for range 3 {
			go func() { ended <- once.Notify(t.Context(), notifytest.Notification("", "k")) }()
		}
		synctest.Wait()
		require.Len(t, h.begun, 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, once.Notify(ctx, notifytest.Notification("", "k")), context.Canceled)
		close(h.release)
		require.NoError(t, errors.Join(<-ended, <-ended, <-ended))
	})
}
