package kpi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/option"
	"github.com/transbotai/tenon/internal/storeclock"
)

// Unfit says what becomes of an event that cannot be counted: it is malformed, or the registry does not know it.
type Unfit string

// The policies.
const (
	Refuse     Unfit = "refuse"     // the call fails and writes nothing; the error names the event and the field
	Quarantine Unfit = "quarantine" // the event is kept aside with the reason, and the others are written
)

// TrackerOptions of a [Tracker]. The zero value of each field has the documented meaning; a negative duration means the
// same.
type TrackerOptions struct {
	// Registry says which events there are. Nil: any.
	Registry *Registry
	// Unfit says what becomes of events that cannot be counted; empty means Refuse.
	Unfit Unfit
	// Timeout bounds one call of the store; 0 means 5 seconds.
	Timeout time.Duration
}

func (o *TrackerOptions) withDefaults() TrackerOptions {
	var v TrackerOptions
	if o != nil {
		v = *o
	}
	v.Unfit = cmp.Or(v.Unfit, Refuse)
	v.Timeout = option.Positive(v.Timeout, 5*time.Second)
	return v
}

// Tracker takes events in. Its methods may be called concurrently.
type Tracker struct {
	store   Store
	options TrackerOptions
	clock   *storeclock.Clock
}

// NewTracker returns a tracker over store. It does no I/O and starts nothing.
func NewTracker(store Store, opts *TrackerOptions) *Tracker {
	return &Tracker{store: store, options: opts.withDefaults(), clock: &storeclock.Clock{}}
}

// WithStore returns a tracker that works in s, usually a store bound to the caller's transaction: the events are there
// when that commits.
func (t *Tracker) WithStore(s Store) *Tracker {
	return &Tracker{store: s, options: t.options, clock: t.clock}
}

// MaxEvents is how many events one call takes.
const MaxEvents = 1000

// Track stores events, at most [MaxEvents], and returns a receipt for each. All are stored or none. When it returns
// without an error they are durable and counted in every figure, or will be when the caller's transaction commits.
// After an error of the class [tenon.ErrUnavailable] the outcome is unknown: the same call may be made again, and
// counts what has a Key once.
func (t *Tracker) Track(ctx context.Context, events ...Event) ([]Receipt, error) {
	if len(events) == 0 {
		return nil, nil
	}
	if len(events) > MaxEvents {
		return nil, prefix(tenon.Invalid("events", "are %d, more than %d", len(events), MaxEvents))
	}
	now, err := t.now(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := t.entries(events, now)
	if err != nil {
		return nil, err
	}
	return t.send(ctx, entries)
}

// entries checks events. Their ids follow the order in which they were given.
func (t *Tracker) entries(events []Event, now time.Time) ([]Entry, error) {
	entries := make([]Entry, len(events))
	for i, e := range events {
		e.ID = tenon.NewID(now.Add(time.Duration(i) * time.Microsecond))
		err := t.fit(&e, now)
		switch {
		case err == nil:
			entries[i] = Entry{Kind: Add, Event: e}
		case t.options.Unfit == Quarantine:
			entries[i] = aside(events[i], e.ID, now, err)
		case len(events) > 1:
			return nil, fmt.Errorf("kpi: events[%d]: %w", i, err)
		default:
			return nil, prefix(err)
		}
	}
	return entries, nil
}

func (t *Tracker) fit(e *Event, now time.Time) error {
	if err := e.prepare(now); err != nil {
		return err
	}
	return t.options.Registry.admit(e)
}

// aside makes e storable whatever it holds: text is cut and made valid, and properties that cannot be written as JSON
// are shown as text.
func aside(e Event, id string, now time.Time, reason error) Entry {
	e.ID, e.ReceivedAt = id, now
	for _, s := range []*string{&e.Tenant, &e.User, &e.Name, &e.Key} {
		*s = printable(*s, maxName)
	}
	if e.At = tenon.Instant(e.At); e.At.Year() < 1 || e.At.Year() > 9999 {
		e.At = now
	}
	if e.prepareProperties() != nil {
		e.JSON = digest(map[string]string{"unreadable": printable(fmt.Sprint(shallow(e.Properties, maxDepth)), maxProperties/8)})
	}
	return Entry{Kind: SetAside, Event: e, Reason: printable(reason.Error(), 1000)}
}

// shallow returns v without what lies deeper than so many levels, which may hold itself.
func shallow(v any, levels int) any {
	switch v := v.(type) {
	case map[string]any:
		top := map[string]any{}
		for name, inner := range v {
			if levels > 0 {
				top[name] = shallow(inner, levels-1)
			}
		}
		return top
	case []any:
		var top []any
		for _, inner := range v {
			if levels > 0 {
				top = append(top, shallow(inner, levels-1))
			}
		}
		return top
	}
	return v
}

// printable returns s as valid text of at most n bytes.
func printable(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	for s = strings.ToValidUTF8(s, "\uFFFD"); len(s) > n; {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// Correct replaces the event that was tracked with e's Key by e, in all figures, those of past periods too.
func (t *Tracker) Correct(ctx context.Context, e Event) (Receipt, error) {
	if err := checkName("key", e.Key); err != nil {
		return Receipt{}, prefix(err)
	}
	now, err := t.now(ctx)
	if err != nil {
		return Receipt{}, err
	}
	e.ID = tenon.NewID(now)
	if err := t.fit(&e, now); err != nil {
		return Receipt{}, prefix(err)
	}
	return t.amend(ctx, Entry{Kind: Correct, Event: e})
}

// Retract takes an event back, from all figures. Its key stays taken, so that a late retry does not bring it back.
func (t *Tracker) Retract(ctx context.Context, r Ref) error {
	if err := firstOf(checkName("tenant", r.Tenant), checkName("key", r.Key)); err != nil {
		return prefix(err)
	}
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	e := Event{Tenant: r.Tenant, Key: r.Key, ID: tenon.NewID(now), At: now, ReceivedAt: now}
	_, err = t.amend(ctx, Entry{Kind: Retract, Event: e})
	return err
}

func (t *Tracker) amend(ctx context.Context, e Entry) (Receipt, error) {
	receipts, err := t.send(ctx, []Entry{e})
	if err != nil {
		return Receipt{}, err
	}
	if receipts[0].Outcome == Unknown {
		return Receipt{}, ErrUnknownEvent
	}
	return receipts[0], nil
}

// Quarantined returns events that were kept aside, with the reasons.
func (t *Tracker) Quarantined(ctx context.Context, q AsideQuery) ([]Aside, error) {
	asides, ok := t.store.(Asides)
	if !ok {
		return nil, errNoAsides
	}
	ctx, cancel := context.WithTimeout(ctx, t.options.Timeout)
	defer cancel()
	return asides.Quarantined(ctx, q)
}

var errNoAsides = fmt.Errorf("kpi: the store keeps no quarantine: %w", tenon.ErrUnavailable)

// send hands entries to the store.
func (t *Tracker) send(ctx context.Context, entries []Entry) ([]Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, t.options.Timeout)
	defer cancel()
	receipts, err := t.store.Track(ctx, entries)
	if err != nil && errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, tenon.ErrUnavailable) {
		err = fmt.Errorf("kpi: the outcome is unknown: %w: %w", tenon.ErrUnavailable, err)
	}
	return slices.Clip(receipts), err
}

func (t *Tracker) now(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, t.options.Timeout)
	defer cancel()
	return t.clock.Now(ctx, t.store)
}
