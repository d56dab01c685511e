package notifytest_test

import (
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifytest"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	notifytest.TestStore(t, func(*testing.T) notify.Store { return notify.NewMemoryStore() })
}

func TestSharedMemoryStore(t *testing.T) {
	t.Parallel()
	shared := notify.NewMemoryStore()
	notifytest.TestStore(t, func(*testing.T) notify.Store { return shared })
}

func TestTheFakePassesForANotifier(t *testing.T) {
	t.Parallel()
	notifytest.TestNotifier(t, func(*testing.T) (tenon.Notifier, func() []string) {
		n := &notifytest.Notifier{}
		return n, n.Keys
	})
}

func TestAnOutboxInMemoryPassesForANotifier(t *testing.T) {
	t.Parallel()
	notifytest.TestNotifier(t, func(t *testing.T) (tenon.Notifier, func() []string) {
		store := notify.NewMemoryStore()
		outbox := notify.NewOutbox(store, map[string]tenon.Notifier{"log": nil}, nil)
		return outbox, func() (keys []string) {
			list, _ := store.List(t.Context(), notify.Query{})
			for _, e := range list {
				keys = append(keys, e.Notification.Key)
			}
			return keys
		}
	})
}
