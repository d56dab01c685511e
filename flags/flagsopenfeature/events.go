package flagsopenfeature

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

// maxChanged bounds the keys that one event names; an event without keys means any flag.
const maxChanged = 10_000

// events hands on what a set tells, without holding the set up: what nobody has taken yet is merged into one event.
type events struct {
	out chan of.Event

	mu      sync.Mutex
	changed []string      // keys of flags that nobody was told of, in order
	wake    chan struct{} // has one element when there may be something to tell
	stop    func()        // of the goroutine that sends; nil when there is none
}

func newEvents() *events {
	return &events{out: make(chan of.Event), wake: make(chan struct{}, 1)}
}

// put adds the keys of flags that changed; none where it is the status alone.
func (e *events) put(changed []string) {
	if len(changed) > 0 {
		e.mu.Lock()
		e.changed = slices.Compact(slices.Sorted(slices.Values(append(e.changed, changed...))))
		e.mu.Unlock()
	}
	select {
	case e.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (e *events) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	changed := e.changed
	e.changed = nil
	return changed
}

// after is when, from its start, the status is told again when it is not what OpenFeature believes: that writes down what
// Init returned at a time that nobody is told, and an event that comes before is lost.
var after = []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second}

// teller sends events.
type teller struct {
	*events
	name   string
	status func() flags.Status
	known  flags.Status // what OpenFeature believes
}

// run tells what there is to tell until ctx is done.
func (t *teller) run(ctx context.Context) {
	said := t.known
	again := time.NewTimer(after[0])
	defer again.Stop()
	for round := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			if t.status() != said {
				t.known = said
			}
			if round++; round < len(after) {
				again.Reset(after[round])
			}
		case <-t.wake:
		}
		if !t.tell(ctx) {
			return
		}
	}
}

// tell sends an event for what changed, and one for the present status when that is news. Whoever changes the status
// wakes the teller afterwards, so that none is missed.
func (t *teller) tell(ctx context.Context) bool {
	if changed := t.take(); len(changed) > 0 && !t.send(ctx, changedEvent(changed)) {
		return false
	}
	status := t.status()
	if status == t.known {
		return true
	}
	t.known = status
	return t.send(ctx, statusEvents[status])
}

func (t *teller) send(ctx context.Context, event of.Event) bool {
	event.ProviderName = t.name
	select {
	case t.out <- event:
		return true
	case <-ctx.Done():
		return false
	}
}

func changedEvent(keys []string) of.Event {
	if len(keys) > maxChanged {
		keys = nil
	}
	return of.Event{EventType: of.ProviderConfigChange, ProviderEventDetails: of.ProviderEventDetails{
		Message: "flags changed", FlagChanges: keys,
	}}
}

var statusEvents = map[flags.Status]of.Event{
	flags.StatusReady: {EventType: of.ProviderReady, ProviderEventDetails: of.ProviderEventDetails{Message: "flags are up to date"}},
	flags.StatusStale: {EventType: of.ProviderStale, ProviderEventDetails: of.ProviderEventDetails{Message: "the store does not answer"}},
	flags.StatusNotReady: {EventType: of.ProviderError, ProviderEventDetails: of.ProviderEventDetails{
		Message: "no flags are loaded", ErrorCode: of.ProviderNotReadyCode,
	}},
}

// EventChannel implements [of.EventHandler]. The channel is never closed.
func (p *Provider) EventChannel() <-chan of.Event { return p.events.out }

// Init implements [of.StateHandler] by [Provider.InitWithContext].
func (p *Provider) Init(evalCtx of.EvaluationContext) error {
	return p.InitWithContext(context.Background(), evalCtx)
}

// InitWithContext implements [of.ContextAwareStateHandler]. It loads the set unless that was done. When that fails the
// provider is in error until the set is loaded by its Run.
func (p *Provider) InitWithContext(ctx context.Context, _ of.EvaluationContext) error {
	p.closed.Store(false)
	var err error
	if p.set.Status() == flags.StatusNotReady {
		err = p.set.Load(ctx)
	}
	p.start(err == nil)
	return initError(err)
}

// initError gives an error OpenFeature's code: what the store holds or the host has wired cannot be mended by waiting.
func initError(err error) error {
	if err == nil {
		return nil
	}
	code := of.GeneralCode
	if !errors.Is(err, tenon.ErrUnavailable) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		code = of.ProviderFatalCode
	}
	return &of.ProviderInitError{ErrorCode: code, Message: err.Error()}
}

// start begins to tell events. OpenFeature takes a provider whose Init returned no error for ready, and puts its own
// event after it, so a stale status is told when that is done.
func (p *Provider) start(ready bool) {
	e := p.events
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stop != nil {
		return
	}
	known := flags.StatusNotReady
	if ready {
		known = flags.StatusReady
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	unwatch := p.set.Watch(func(v flags.Event) { e.put(v.Keys) })
	t := &teller{events: e, name: p.options.Name, status: p.set.Status, known: known}
	go func() {
		defer close(done)
		t.run(ctx)
	}()
	e.stop = func() {
		unwatch()
		cancel()
		<-done
	}
}

// Shutdown implements [of.StateHandler].
func (p *Provider) Shutdown() { _ = p.ShutdownWithContext(context.Background()) }

// ShutdownWithContext implements [of.ContextAwareStateHandler]. Evaluations under way finish; those that follow give the
// caller's default. It stops telling events and waits for nothing.
func (p *Provider) ShutdownWithContext(context.Context) error {
	p.closed.Store(true)
	p.events.mu.Lock()
	stop := p.events.stop
	p.events.stop = nil
	p.events.mu.Unlock()
	if stop != nil {
		stop()
	}
	return nil
}
