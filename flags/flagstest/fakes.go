package flagstest

import (
	"context"
	"slices"
	"sync"

	"github.com/transbotai/tenon"
)

// faults is the error that a fake returns.
type faults struct {
	mu  sync.Mutex
	err error
}

func (f *faults) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// Recorder remembers the changes that it was told. The zero Recorder is ready.
type Recorder struct {
	faults
	changes []tenon.Change
}

// RecordChange implements [tenon.Recorder].
func (r *Recorder) RecordChange(_ context.Context, c tenon.Change) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	r.changes = append(r.changes, c)
	return nil
}

// Changes returns what was told, in order.
func (r *Recorder) Changes() []tenon.Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.changes)
}

// Fail lets every call return err from now on; nil ends it.
func (r *Recorder) Fail(err error) { r.fail(err) }

// Notifier remembers the notifications that it was told. The zero Notifier is ready.
type Notifier struct {
	faults
	notifications []tenon.Notification
}

// Notify implements [tenon.Notifier].
func (n *Notifier) Notify(_ context.Context, one tenon.Notification) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		return n.err
	}
	n.notifications = append(n.notifications, one)
	return nil
}

// Notifications returns what was told, in order.
func (n *Notifier) Notifications() []tenon.Notification {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.notifications)
}

// Fail lets every call return err from now on; nil ends it.
func (n *Notifier) Fail(err error) { n.fail(err) }

// Guard says what it was last told to. The zero Guard passes.
type Guard struct {
	mu      sync.Mutex
	verdict tenon.Verdict
	err     error
	asked   int
}

// Say lets the guard give this verdict and error from now on.
func (g *Guard) Say(v tenon.Verdict, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.verdict, g.err = v, err
}

// Guard implements [tenon.Guard].
func (g *Guard) Guard(context.Context) (tenon.Verdict, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	if g.verdict.Outcome == "" {
		return tenon.Verdict{Outcome: tenon.Pass}, g.err
	}
	return g.verdict, g.err
}

// Asked returns how often the guard was asked.
func (g *Guard) Asked() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked
}
