package conform

import (
	"context"
	"errors"
	"sync"

	"github.com/transbotai/tenon"
)

// ErrShut is what shut ears answer.
var ErrShut = errors.New("the ears are shut")

// Ears hear what a store tells: they are a notifier and a recorder. The zero Ears hear.
type Ears struct {
	mu      sync.Mutex
	refuse  error
	told    []tenon.Notification
	changes []tenon.Change
}

// Notify implements [tenon.Notifier].
func (e *Ears) Notify(_ context.Context, n tenon.Notification) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refuse == nil {
		e.told = append(e.told, n)
	}
	return e.refuse
}

// RecordChange implements [tenon.Recorder].
func (e *Ears) RecordChange(_ context.Context, c tenon.Change) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refuse == nil {
		e.changes = append(e.changes, c)
	}
	return e.refuse
}

// Shut makes the ears refuse everything with [ErrShut], or hear again.
func (e *Ears) Shut(shut bool) {
	if shut {
		e.Refuse(ErrShut)
	} else {
		e.Refuse(nil)
	}
}

// Refuse makes the ears answer everything with err; nil lets them hear again.
func (e *Ears) Refuse(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refuse = err
}

// Told returns the notifications since it was asked last.
func (e *Ears) Told() []tenon.Notification {
	e.mu.Lock()
	defer e.mu.Unlock()
	told := e.told
	e.told = nil
	return told
}

// Changes returns the changes since it was asked last.
func (e *Ears) Changes() []tenon.Change {
	e.mu.Lock()
	defer e.mu.Unlock()
	changes := e.changes
	e.changes = nil
	return changes
}
