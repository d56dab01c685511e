package notify_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifytest"
)

func TestNotifyRefusesWhatCannotBeDelivered(t *testing.T) {
	t.Parallel()
	store := notify.NewMemoryStore()
	o := notify.NewOutbox(store, map[string]tenon.Notifier{"hook": nil}, nil)
	for field, spoil := range map[string]func(*tenon.Notification){
		"key":      func(n *tenon.Notification) { n.Key = "" },
		"kind":     func(n *tenon.Notification) { n.Kind = "" },
		"title":    func(n *tenon.Notification) { n.Title = "\xff" },
		"text":     func(n *tenon.Notification) { n.Text = "a\x00b" },
		"tenant":   func(n *tenon.Notification) { n.Tenant = string(make([]byte, 300)) },
		"severity": func(n *tenon.Notification) { n.Severity = "fatal" },
		"data": func(n *tenon.Notification) {
			n.Data = map[string]string{"a": string(slices.Repeat([]byte("x"), 64<<10))}
		},
	} {
		n := notifytest.Notification("acme", "k")
		spoil(&n)
		err := o.Notify(t.Context(), n)
		var invalid *tenon.FieldError
		require.True(t, errors.As(err, &invalid), "%s: %v", field, err)
		require.Equal(t, field, invalid.Field)
	}
	list, err := store.List(t.Context(), notify.Query{})
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestRouting(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 10, 12, 0, 0, 1500, time.FixedZone("", 3600))
	n := notifytest.Notification("acme", "k")
	n.Kind, n.At = "slo.frozen", time.Time{}
	entries, err := notify.Routing{}.Entries(n, now)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, notify.DefaultDestination, entries[0].Destination)
	require.Equal(t, "slo", entries[0].Group)
	require.Equal(t, time.Date(2026, 3, 10, 11, 0, 0, 1000, time.UTC), entries[0].Notification.At)
	entries, err = notify.Routing{To: notify.To("b", "a", "b")}.Entries(n, now)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, []string{entries[0].Destination, entries[1].Destination})
	entries, err = notify.Routing{To: notify.To()}.Entries(n, now)
	require.NoError(t, err)
	require.Empty(t, entries)
	_, err = notify.Routing{To: notify.To("")}.Entries(n, now)
	require.ErrorIs(t, err, tenon.ErrInvalid)
	_, err = notify.Routing{Group: func(tenon.Notification) string { return "\x00" }}.Entries(n, now)
	require.ErrorIs(t, err, tenon.ErrInvalid)
}
