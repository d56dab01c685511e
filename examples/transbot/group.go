package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// group runs functions that are to run as long as the program does.
type group struct {
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{} // closed when the first function ends
	once   sync.Once
	wait   sync.WaitGroup
	mu     sync.Mutex
	errs   []error
}

func newGroup(ctx context.Context) *group {
	g := &group{done: make(chan struct{})}
	g.ctx, g.cancel = context.WithCancel(ctx)
	return g
}

// run starts f. Its error carries the name; that it was told to end is none.
func (g *group) run(name string, f func(context.Context) error) {
	g.wait.Go(func() {
		err := f(g.ctx)
		g.once.Do(func() { close(g.done) })
		if told := g.ctx.Err() != nil && errors.Is(err, context.Canceled); err == nil || told {
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.errs = append(g.errs, fmt.Errorf("%s: %w", name, err))
	})
}

// ended is closed when one of the functions has ended, which none should before stop.
func (g *group) ended() <-chan struct{} { return g.done }

// stop tells all functions to end, waits for them and returns what went wrong.
func (g *group) stop() error {
	g.cancel()
	g.wait.Wait()
	return errors.Join(g.errs...)
}
