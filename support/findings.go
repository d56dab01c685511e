package support

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/storeclock"
)

// FindingsOptions are the options of [Findings]. The zero value of each field has the documented meaning.
type FindingsOptions struct {
	// Days is how many days there are to fix a finding of each severity; one that is not named has its default:
	// critical 7, high 30, medium 90, low 180. A change moves what is not fixed.
	Days map[Severity]int
	// MaxAcceptance bounds how long a risk may be accepted; 0 means 365 days.
	MaxAcceptance time.Duration
}

// Findings keeps the weaknesses that were found, and by when they are fixed. Its methods may be called concurrently.
type Findings struct {
	store   FindingStore
	days    map[Severity]int
	longest time.Duration
	clock   *storeclock.Clock
}

// NewFindings returns findings over store. It does no I/O and starts nothing; that one is late is told by timers: hand
// [Findings.Work] to [NewTimers].
func NewFindings(store FindingStore, opts *FindingsOptions) *Findings {
	f := &Findings{
		store: store, longest: 365 * 24 * time.Hour, clock: &storeclock.Clock{},
		days: map[Severity]int{Critical: 7, High: 30, Medium: 90, Low: 180},
	}
	if opts != nil {
		for severity, days := range opts.Days {
			f.days[severity] = days
		}
		f.longest = cmp.Or(opts.MaxAcceptance, f.longest)
	}
	return f
}

// WithStore returns findings that work in s, usually a store bound to the caller's transaction.
func (f *Findings) WithStore(s FindingStore) *Findings {
	return &Findings{store: s, days: f.days, longest: f.longest, clock: f.clock}
}

// NewFinding is what reports a finding.
type NewFinding struct {
	Tenant   string // whose system it is in; empty for the host's own
	ID       string // a UUID; empty mints one. Reporting one again that is there changes nothing.
	Title    string // required
	Detail   string
	Severity Severity // required
	Source   string
	FoundAt  time.Time // zero is now; not in the future
}

func (n *NewFinding) check(now time.Time) error {
	if err := n.Severity.check(); err != nil {
		return err
	}
	switch {
	case n.Title == "":
		return tenon.Invalid("title", "is empty")
	case n.ID != "" && !isUUID(n.ID):
		return tenon.Invalid("id", "is not a UUID in lower case")
	case tenon.Instant(n.FoundAt).After(now):
		return tenon.Invalid("found_at", "is in the future")
	case n.FoundAt.UTC().Year() < firstYear:
		return tenon.Invalid("found_at", "is before the year %d", firstYear)
	}
	return cmp.Or(checkName("tenant", n.Tenant), checkText("title", n.Title), checkText("detail", n.Detail), checkName("source", n.Source))
}

// Report keeps a new finding.
func (f *Findings) Report(ctx context.Context, n NewFinding) (Finding, error) {
	now, err := f.clock.Now(ctx, f.store)
	if err != nil {
		return Finding{}, err
	}
	if err := n.check(now); err != nil {
		return Finding{}, prefix(err)
	}
	found := now
	if !n.FoundAt.IsZero() {
		found = tenon.Instant(n.FoundAt)
	}
	ref := Ref{n.Tenant, cmp.Or(n.ID, tenon.NewID(now))}
	return f.edit(ctx, ref, now, "support.finding_reported", func(old *Finding) (*FindingEvent, error) {
		if len(old.History) > 0 {
			if old.Title != n.Title {
				return nil, ErrTaken
			}
			return nil, nil
		}
		*old = Finding{
			Ref: ref, Title: n.Title, Detail: n.Detail, Severity: n.Severity, Source: n.Source, FoundAt: found, Since: found,
			State: FindingOpen,
		}
		return &FindingEvent{}, nil
	})
}

// Fix says that a finding is fixed. Its due date stays what it was.
func (f *Findings) Fix(ctx context.Context, ref Ref, how string) (Finding, error) {
	return f.act(ctx, ref, "support.finding_fixed", how, func(old *Finding, now time.Time) error {
		if old.State == FindingFixed {
			return transition(old.State, FindingFixed)
		}
		old.State, old.FixedAt, old.Accepted = FindingFixed, now, nil
		return nil
	})
}

// Accept says that somebody answers for the risk until a time; then the finding is open again, and due when it was.
func (f *Findings) Accept(ctx context.Context, ref Ref, a Acceptance) (Finding, error) {
	a.Until = tenon.Instant(a.Until)
	switch {
	case a.Approver == "":
		return Finding{}, prefix(tenon.Invalid("approver", "is empty"))
	case a.Reason == "":
		return Finding{}, prefix(tenon.Invalid("reason", "is empty"))
	}
	if err := checkName("approver", a.Approver); err != nil {
		return Finding{}, prefix(err)
	}
	return f.act(ctx, ref, "support.finding_accepted", a.Reason, func(old *Finding, now time.Time) error {
		if !a.Until.After(now) || a.Until.Sub(now) > f.longest {
			return tenon.Invalid("until", "does not lie within %s from now", f.longest)
		}
		if old.State == FindingFixed {
			return transition(old.State, FindingAccepted)
		}
		old.State, old.Accepted, old.ToldLate = FindingAccepted, &a, false
		return nil
	})
}

// Reopen says that a fix did not hold, or that a risk is accepted no more. A fixed one gets its days anew from now; an
// accepted one is due when it was.
func (f *Findings) Reopen(ctx context.Context, ref Ref, reason string) (Finding, error) {
	return f.act(ctx, ref, "support.finding_reopened", reason, func(old *Finding, now time.Time) error {
		switch old.State {
		case FindingOpen:
			return transition(old.State, FindingOpen)
		case FindingFixed:
			old.Since, old.FixedAt, old.ToldLate = now, time.Time{}, false
		}
		old.State, old.Accepted = FindingOpen, nil
		return nil
	})
}

// Regrade gives a finding that is not fixed another severity, and with it another due date.
func (f *Findings) Regrade(ctx context.Context, ref Ref, s Severity, reason string) (Finding, error) {
	if err := s.check(); err != nil {
		return Finding{}, prefix(err)
	}
	return f.act(ctx, ref, "support.finding_regraded", reason, func(old *Finding, _ time.Time) error {
		if old.State == FindingFixed {
			return fmt.Errorf("%w: a finding that is fixed keeps its severity", ErrTransition)
		}
		old.Severity, old.ToldLate = s, false
		return nil
	})
}

func transition(from, to FindingState) error {
	return fmt.Errorf("%w: a finding that is %s cannot become %s", ErrTransition, from, to)
}

// act changes a finding that is there.
func (f *Findings) act(
	ctx context.Context, ref Ref, action, reason string, do func(old *Finding, now time.Time) error,
) (Finding, error) {
	if !ref.possible() {
		return Finding{}, ErrUnknownFinding
	}
	if err := checkText("reason", reason); err != nil {
		return Finding{}, prefix(err)
	}
	now, err := f.clock.Now(ctx, f.store)
	if err != nil {
		return Finding{}, err
	}
	return f.edit(ctx, ref, now, action, func(old *Finding) (*FindingEvent, error) {
		if len(old.History) == 0 {
			return nil, ErrUnknownFinding
		}
		if *old = old.at(now, f.days); old.Lapsed { // what it is by now is what is acted on
			old.Accepted = nil
		}
		if err := do(old, now); err != nil {
			return nil, err
		}
		return &FindingEvent{Reason: reason}, nil
	})
}

// edit changes a finding and sets its timer. Without an event nothing is written.
func (f *Findings) edit(
	ctx context.Context, ref Ref, now time.Time, action string, do func(old *Finding) (*FindingEvent, error),
) (Finding, error) {
	by := actor(ctx)
	found, err := f.store.ChangeFinding(ctx, ref, func(x *Finding) (Effects, error) {
		before := *x
		event, err := do(x)
		if err != nil || event == nil {
			return Effects{}, err
		}
		event.At, event.By, event.State, event.Severity = now, by, x.State, x.Severity
		if x.Accepted != nil {
			event.Approver, event.Until = x.Accepted.Approver, x.Accepted.Until
		}
		x.History = append(slices.Clone(before.History), *event)
		*x = x.at(now, f.days)
		x.Overdue, x.Lapsed = false, false
		var e Effects
		e.Timers, e.Cancel = f.timers(x, now)
		after, _ := json.Marshal(event) // text and times
		e.Changes = []tenon.Change{{
			Tenant: ref.Tenant, Action: action, Target: "finding/" + ref.ID, After: after, Reason: event.Reason, At: now,
		}}
		return e, nil
	})
	if err != nil {
		return Finding{}, prefix(err)
	}
	return found.at(now, f.days), nil
}

// timers returns the timer of a finding: for when it is late, or its acceptance ends.
func (f *Findings) timers(x *Finding, now time.Time) ([]Timer, []TimerRef) {
	ref := TimerRef{Tenant: x.Tenant, Key: findingKind + "/" + x.ID}
	if x.State == FindingFixed || x.ToldLate {
		return nil, []TimerRef{ref}
	}
	at := dueAfter(x.Since, f.days[x.Severity])
	if x.State == FindingAccepted {
		at = x.Accepted.Until
	}
	if at.Before(now) {
		at = now
	}
	payload, _ := json.Marshal(x.Ref) // two strings
	return []Timer{{TimerRef: ref, At: at, Kind: findingKind, Payload: payload}}, nil
}
