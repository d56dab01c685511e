package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

// group runs functions that are to run as long as the program does.
type group struct {
	logger *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{} // closed when the first function ends
	once   sync.Once
	wait   sync.WaitGroup
	mu     sync.Mutex
	errs   []error
}

func newGroup(ctx context.Context, logger *slog.Logger) *group {
	g := &group{logger: logger, done: make(chan struct{})}
	g.ctx, g.cancel = context.WithCancel(ctx)
	return g
}

// againAfter is how long a function waits that could not begin.
const againAfter = time.Second

// run starts f. Its error carries the name; that it was told to end is none.
func (g *group) run(name string, f func(context.Context) error) {
	g.wait.Go(func() {
		err := g.insist(name, f)
		g.once.Do(func() { close(g.done) })
		if told := g.ctx.Err() != nil && errors.Is(err, context.Canceled); err == nil || told {
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.errs = append(g.errs, fmt.Errorf("%s: %w", name, err))
	})
}

// insist runs f again when it ended since something is away. Many look before they begin at whether they may do their work,
// and a database that is away just then is no reason to end the program: requests are answered with 503 meanwhile.
func (g *group) insist(name string, f func(context.Context) error) error {
	for {
		err := f(g.ctx)
		if g.ctx.Err() != nil || !errors.Is(err, tenon.ErrUnavailable) {
			return err
		}
		g.logger.Warn("not begun", "job", name, "err", err)
		select {
		case <-g.ctx.Done():
			return err
		case <-time.After(againAfter):
		}
	}
}

// ended is closed when one of the functions has ended, which none should before stop.
func (g *group) ended() <-chan struct{} { return g.done }

// stop tells all functions to end, waits for them and returns what went wrong.
func (g *group) stop() error {
	g.cancel()
	g.wait.Wait()
	return errors.Join(g.errs...)
}
