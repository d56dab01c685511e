package notifytest

import (
	"context"
	"slices"
	"sync"

	"github.com/transbotai/tenon"
)

// Notifier remembers what it was told. Its zero value is ready. Methods may be called concurrently.
type Notifier struct {
	mu   sync.Mutex
	told []tenon.Notification
	fail func(tenon.Notification) error
}

var _ tenon.Notifier = (*Notifier)(nil)

// Notify remembers n, or fails as [Notifier.Fail] said. It fails when ctx is done.
func (n *Notifier) Notify(ctx context.Context, what tenon.Notification) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if n.fail != nil {
		if err := n.fail(what); err != nil {
			return err
		}
	}
	n.told = append(n.told, what)
	return nil
}

// Fail makes Notify fail with err from now on; nil lets it succeed again.
func (n *Notifier) Fail(err error) { n.FailFor(func(tenon.Notification) error { return err }) }

// FailFor makes Notify fail with what why returns, unless that is nil.
func (n *Notifier) FailFor(why func(tenon.Notification) error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fail = why
}

// Told returns what was told so far, in order, repeats included.
func (n *Notifier) Told() []tenon.Notification {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.told)
}

// Keys returns the keys of what was told so far, in order, each where it came first.
func (n *Notifier) Keys() []string {
	var keys []string
	for _, what := range n.Told() {
		if !slices.Contains(keys, what.Key) {
			keys = append(keys, what.Key)
		}
	}
	return keys
}
