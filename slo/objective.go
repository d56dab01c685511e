package slo

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/transbotai/tenon"
)

// Kind says what an objective counts.
type Kind string

// The kinds.
const (
	// Ratio is good events over valid ones: requests that did not fail.
	Ratio Kind = "ratio"
	// Latency is events that took no longer than the threshold over all of them, whatever their outcome.
	Latency Kind = "latency"
	// Freshness is samples of an age that were no older than the threshold: how long the oldest job has waited.
	Freshness Kind = "freshness"
	// TimeSlice is minutes in which the share Slice of the events was good over minutes with events.
	TimeSlice Kind = "time_slice"
)

// Key names an objective: of the whole system when Tenant is empty.
type Key struct {
	Tenant string `json:"tenant,omitempty"`
	Name   string `json:"name"`
}

// String returns the name, and after a slash the tenant.
func (k Key) String() string {
	if k.Tenant == "" {
		return k.Name
	}
	return k.Name + "/" + k.Tenant
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Name, b.Name))
}

// Traffic says when numbers are too small to act upon. While they are, the status is LowTraffic, no alert fires and no
// release freezes. It does not apply to a target of 100 %, for which any failure counts.
type Traffic struct {
	// MinEvents is how many valid events there must be in a window; 0 means 100, negative any. Time slices and samples
	// of freshness come at a pace of their own: for them 0 means any.
	MinEvents int64 `json:"min_events,omitempty"`
	// MinBad is how many must be bad; 0 means 2, negative any.
	MinBad int64 `json:"min_bad,omitempty"`
	// Fallback acts on that many bad events although there were fewer than MinEvents; 0 means 10, negative never.
	Fallback int64 `json:"fallback,omitempty"`
}

// Objective is a promise: the share Target of what Kind counts is good, over the Window. The zero value of each field
// from Tiers on has the documented meaning.
type Objective struct {
	Key
	Description string `json:"description,omitempty"`
	Kind        Kind   `json:"kind"`
	Target      PPM    `json:"target"`
	Window      Window `json:"window"`
	// Threshold is the longest good duration of Latency, the highest good age of Freshness. On a TimeSlice it makes
	// the events of a minute good as for Latency; 0: their outcome does. In whole microseconds.
	Threshold time.Duration `json:"threshold,omitempty"`
	// Slice is the share of good events that makes a minute good, of a TimeSlice.
	Slice PPM `json:"slice,omitempty"`

	// Tiers are the burn alerts; nil means those of [FittingTiers], an empty slice none.
	Tiers []Tier `json:"tiers"`
	// BudgetAlerts are the shares of the budget whose consumption is told; nil means 50 % and 100 %.
	BudgetAlerts []PPM `json:"budget_alerts"`
	// Absence is how long nothing may be counted before that is told; 0 means the window's period, negative never.
	Absence time.Duration `json:"absence,omitempty"`
	Traffic Traffic       `json:"traffic"`
	// Advisory objectives freeze no releases.
	Advisory bool `json:"advisory,omitempty"`

	Version   int       `json:"version,omitempty"`   // set by [Board.Define], from 1
	CreatedAt time.Time `json:"created_at,omitzero"` // of this version
	Since     time.Time `json:"since,omitzero"`      // of its first version
}

// How long texts may be, in bytes: they become labels and keys, and stand in notifications.
const (
	maxName        = 200
	maxTenant      = 255
	maxDescription = 4096
	maxReason      = 4096
)

// checkText refuses what a store or a receiver of notifications would refuse later, when others depend on it.
func checkText(field, text string, longest int) error {
	switch {
	case len(text) > longest:
		return tenon.Invalid(field, "is longer than %d bytes", longest)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return tenon.Invalid(field, "is not text")
	}
	return nil
}

func (k Key) check() error {
	return cmp.Or(checkText("name", k.Name, maxName), checkText("tenant", k.Tenant, maxTenant))
}

// Check returns a [tenon.ErrInvalid] that names the first field at fault. A tier that cannot work is an [ErrTierUnfit].
func (o Objective) Check() error {
	if o.Name == "" {
		return tenon.Invalid("name", "is empty")
	}
	if err := cmp.Or(o.Key.check(), checkText("description", o.Description, maxDescription)); err != nil {
		return err
	}
	if err := o.Target.check("target"); err != nil {
		return err
	}
	if o.Target == 0 {
		return tenon.Invalid("target", "is 0: nothing is promised")
	}
	if err := o.Window.Check(); err != nil {
		return err
	}
	if err := o.checkKind(); err != nil {
		return err
	}
	for _, p := range o.BudgetAlerts {
		if p <= 0 || p > Whole {
			return tenon.Invalid("budget_alerts", "%d is not above 0 and at most 1,000,000 parts per million", p)
		}
	}
	return checkTiers(o.Tiers, o.Window.Period(), o.Target)
}

func (o Objective) checkKind() error {
	timed := o.Kind == Latency || o.Kind == Freshness
	switch {
	case !slices.Contains([]Kind{Ratio, Latency, Freshness, TimeSlice}, o.Kind):
		return tenon.Invalid("kind", "%q is not ratio, latency, freshness or time_slice", o.Kind)
	case o.Threshold < 0:
		return tenon.Invalid("threshold", "is negative")
	case o.Threshold%time.Microsecond != 0:
		return tenon.Invalid("threshold", "is finer than a microsecond")
	case timed && o.Threshold == 0:
		return tenon.Invalid("threshold", "is missing")
	case o.Kind == Ratio && o.Threshold != 0:
		return tenon.Invalid("threshold", "is for latency, freshness and time slices")
	case o.Kind == TimeSlice && (o.Slice <= 0 || o.Slice > Whole):
		return tenon.Invalid("slice", "is not above 0 and at most 1,000,000 parts per million")
	case o.Kind != TimeSlice && o.Slice != 0:
		return tenon.Invalid("slice", "is for time slices")
	}
	return nil
}

// Measure names what is counted: counts of one measure may be added up, and those of another threshold may not. A new
// version that measures something else starts with empty windows.
func (o Objective) Measure() string {
	if o.Threshold == 0 {
		return "outcome"
	}
	return "within " + o.Threshold.String()
}

// Budget returns how long everything may fail within a period of the window: 86.4 s for 99.9 % over 24 hours.
func (o Objective) Budget() time.Duration {
	d, _ := scale(int64(o.Window.Period()), o.Target.left(), int64(Whole))
	return time.Duration(d)
}

// EffectiveTiers returns the burn alerts, fastest first: Tiers, each with its severity, or those that fit.
func (o Objective) EffectiveTiers() []Tier {
	if o.Tiers == nil {
		return FittingTiers(o.Window.Period(), o.Target)
	}
	return effective(o.Tiers)
}

// EffectiveBudgetAlerts returns the budget alerts, highest first.
func (o Objective) EffectiveBudgetAlerts() []PPM {
	alerts := o.BudgetAlerts
	if alerts == nil {
		alerts = []PPM{Whole / 2, Whole}
	}
	return slices.SortedFunc(slices.Values(alerts), func(a, b PPM) int { return cmp.Compare(b, a) })
}

func (o Objective) absence() time.Duration {
	if o.Absence == 0 {
		return o.Window.Period()
	}
	return o.Absence
}

// enough says whether a count is large enough to act upon.
func (o Objective) enough(c Count) bool {
	if o.Target == Whole {
		return true
	}
	t := o.traffic()
	if c.Bad() < t.MinBad {
		return false
	}
	return c.Valid >= t.MinEvents || t.Fallback >= 0 && c.Bad() >= t.Fallback
}

// few says whether there were too few events to judge, with or without bad ones.
func (o Objective) few(c Count) bool {
	return o.Target != Whole && c.Valid < o.traffic().MinEvents && !o.enough(c)
}

func (o Objective) traffic() Traffic {
	t := o.Traffic
	if t.MinEvents == 0 && (o.Kind == Ratio || o.Kind == Latency) {
		t.MinEvents = 100
	}
	t.MinBad = cmp.Or(t.MinBad, 2)
	t.Fallback = cmp.Or(t.Fallback, 10)
	return t
}

// same says whether two versions promise the same.
func (o Objective) same(other Objective) bool {
	for _, p := range []*Objective{&o, &other} {
		p.Version, p.CreatedAt, p.Since = 0, time.Time{}, time.Time{}
	}
	return reflect.DeepEqual(o, other)
}

// String states the promise: "95% within 500ms over 1h0m0s".
func (o Objective) String() string {
	within := "good"
	if o.Threshold != 0 {
		within = "within " + o.Threshold.String()
	}
	if o.Kind == TimeSlice {
		within = fmt.Sprintf("of minutes %s %s", o.Slice, within)
	}
	return fmt.Sprintf("%s %s over %s", o.Target, within, o.Window)
}
