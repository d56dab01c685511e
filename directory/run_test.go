package directory_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
)

// ears hear what is told.
type ears struct {
	mu   sync.Mutex
	told []tenon.Notification
}

func (e *ears) Notify(_ context.Context, n tenon.Notification) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, n)
	return nil
}

func (e *ears) titles() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := []string{}
	for _, n := range e.told {
		all = append(all, n.Title)
	}
	e.told = nil
	return all
}

func TestRunTellsWhenAThresholdPasses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // begins at midnight UTC, 2000-01-01
		heard := &ears{}
		book := directory.NewBook(directory.NewMemoryStore(&directory.MemoryOptions{Notifier: heard}), nil)
		d, err := book.Create(t.Context(), "acme", directory.Profile{Name: "One"})
		require.NoError(t, err)
		_, err = book.AddDocument(t.Context(), d.Ref, directory.Document{Kind: "licence", Expires: date(t, "2000-01-10"), Zone: "Pacific/Auckland"})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- book.Run(ctx) }()
		time.Sleep(59 * time.Hour / 2) // in Auckland it is half past six on the 2nd
		require.Empty(t, heard.titles())
		time.Sleep(6 * time.Hour) // half past twelve on the 3rd: within seven days since midnight
		require.Equal(t, []string{"licence of One expires on 2000-01-10, in 7 days"}, heard.titles())
		time.Sleep(8 * 24 * time.Hour)
		require.Contains(t, heard.titles(), "licence of One expired on 2000-01-10")
		require.EqualValues(t, 2, book.Stats().Alerts)
		require.Equal(t, directory.Digest{Expired: 1}, book.Stats().Last)
		cancel()
		require.NoError(t, <-done)
	})
}

// uncounted is a store that cannot count papers.
type uncounted struct{ directory.Store }

func TestRunTellsOfDocumentsThoughTheStoreCountsNoPapers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		heard := &ears{}
		book := directory.NewBook(uncounted{directory.NewMemoryStore(&directory.MemoryOptions{Notifier: heard})}, nil)
		d, err := book.Create(t.Context(), "acme", directory.Profile{Name: "One"})
		require.NoError(t, err)
		_, err = book.AddDocument(t.Context(), d.Ref, directory.Document{Kind: "licence", Expires: date(t, "2000-01-02")})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- book.Run(ctx) }()
		time.Sleep(time.Second)
		cancel()
		require.NoError(t, <-done)
		require.Equal(t, []string{"licence of One expires on 2000-01-02, tomorrow"}, heard.titles())
		require.Empty(t, book.Stats().LastError)
		require.NotZero(t, book.Stats().LastRun)
		_, err = book.Digest(t.Context())
		require.ErrorIs(t, err, tenon.ErrUnavailable)
	})
}

func TestAPolicyThatCannotBeFollowedIsReported(t *testing.T) {
	t.Parallel()
	for _, p := range []directory.Policy{
		{Soon: -1},
		{Thresholds: []int{0}},
		{Thresholds: []int{9999}},
		{Required: map[string][]string{"A B": nil}},
		{Required: map[string][]string{"ltl": {"A B"}}},
	} {
		book := directory.NewBook(directory.NewMemoryStore(nil), &directory.Options{Policy: p})
		require.ErrorIs(t, book.Run(t.Context()), tenon.ErrInvalid)
		_, err := book.Create(t.Context(), "acme", directory.Profile{Name: "One"})
		require.ErrorIs(t, err, tenon.ErrInvalid)
		_, err = book.Settle(t.Context())
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
}
