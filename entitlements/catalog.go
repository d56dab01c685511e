package entitlements

import (
	"cmp"
	"slices"
	"time"
)

// Unlimited is the quantity that has no bound. It is a state of its own, never a large number; in SQL and JSON it is -1.
const Unlimited int64 = -1

// Kind says how a feature is granted and counted. It is declared once and never changes.
type Kind string

// The kinds.
const (
	Boolean Kind = "boolean" // in the plan or not
	Config  Kind = "config"  // a value that the plan sets, such as retention days
	Metered Kind = "metered" // consumed within a period, then starts again
	Gauge   Kind = "gauge"   // a present count, such as seats: Consume adds, Return takes away, nothing resets
)

// Feature is something that plans grant.
type Feature struct {
	Key         string   `json:"key"` // lower case letters, digits and _ . -; at most 100 bytes
	Description string   `json:"description,omitempty"`
	Category    string   `json:"category,omitempty"` // groups features in lists
	Kind        Kind     `json:"kind"`
	Values      []string `json:"values,omitempty"`   // of a Config: the values it may take; empty for any text
	Number      bool     `json:"number,omitempty"`   // of a Config: the value is a decimal number
	Fallback    Fallback `json:"fallback,omitempty"` // when the truth cannot be had; zero is FailClosed
}

// Policy decides when the truth cannot be had.
type Policy string

// The policies.
const (
	FailClosed Policy = ""           // deny
	FailOpen   Policy = "open"       // allow
	LastKnown  Policy = "last_known" // the last known answer up to an age, then deny
)

// Fallback is a feature's [Policy] and, for [LastKnown], the age up to which an answer serves.
type Fallback struct {
	Policy Policy        `json:"policy,omitempty"`
	MaxAge time.Duration `json:"max_age,omitempty"` // nanoseconds in JSON; required by LastKnown
}

// Limit bounds the use of a feature within each period.
type Limit struct {
	Hard    int64  `json:"hard"`              // units included; 0 for none, or Unlimited
	Soft    int64  `json:"soft,omitempty"`    // a Notification is due when use reaches it; 0 or Unlimited for none
	Period  Period `json:"period,omitzero"`   // of a Metered feature; a Gauge and a Boolean have none
	Overage int64  `json:"overage,omitempty"` // units past Hard that are allowed, to be billed; 0 denies, Unlimited is without a cap
	Alerts  []int  `json:"alerts,omitempty"`  // shares of Hard, in percent, at which a Notification is due as well
}

// Allowance is what a plan or an add-on says about one feature.
type Allowance struct {
	Limits []Limit `json:"limits,omitempty"` // several windows may bind at once: 5 hours and a week
	Trial  []Limit `json:"trial,omitempty"`  // while the tenant is trialing; nil means Limits
	Value  string  `json:"value,omitempty"`  // of a Config
}

// Plan is what a tenant subscribes to. Each change of a plan makes a new version, which never changes again; a tenant
// stays on the version that it subscribed to until it is moved.
type Plan struct {
	ID       string               `json:"id"`
	Version  int                  `json:"version,omitempty"` // given by the store, from 1
	Name     string               `json:"name,omitempty"`
	Tier     int                  `json:"tier"`               // orders plans: a higher tier is an upgrade
	Inactive bool                 `json:"inactive,omitempty"` // takes no new subscribers and keeps its old ones
	Currency string               `json:"currency,omitempty"` // ISO 4217; required with a price
	Monthly  int64                `json:"monthly,omitempty"`  // price a month in minor units of Currency
	Yearly   int64                `json:"yearly,omitempty"`   // price a year in minor units of Currency
	Features map[string]Allowance `json:"features,omitempty"`
}

// AddOn adds to a plan. It is versioned as a plan is. A tenant may have it several times.
type AddOn struct {
	ID       string               `json:"id"`
	Version  int                  `json:"version,omitempty"`
	Name     string               `json:"name,omitempty"`
	Inactive bool                 `json:"inactive,omitempty"`
	Includes []string             `json:"includes,omitempty"` // other add-ons that come with it
	Pinned   map[string]int       `json:"pinned,omitempty"`   // the versions of Includes; given by the store
	Features map[string]Allowance `json:"features,omitempty"` // limits are added to the plan's of the same period
}

// Catalog is what a host declares, in Go or in a JSON file ([ParseCatalog]), and applies with [Gate.ApplyCatalog].
type Catalog struct {
	Features []Feature `json:"features"`
	Plans    []Plan    `json:"plans"`
	AddOns   []AddOn   `json:"addons,omitempty"`
}

// Versions is a stored catalogue: the features, and every version of every plan and add-on, oldest first. A value that
// a store has handed out is never changed.
type Versions struct {
	Revision int64 // grows with every change
	Features map[string]Feature
	Plans    map[string][]Plan
	AddOns   map[string][]AddOn
}

// Plan returns a version of a plan, the newest when version is 0, and whether there is one.
func (v *Versions) Plan(id string, version int) (Plan, bool) {
	return pick(v.Plans[id], version, func(p Plan) int { return p.Version })
}

// AddOn returns a version of an add-on, the newest when version is 0, and whether there is one.
func (v *Versions) AddOn(id string, version int) (AddOn, bool) {
	return pick(v.AddOns[id], version, func(a AddOn) int { return a.Version })
}

// PlansByTier returns the newest version of each plan that takes subscribers, lowest tier first.
func (v *Versions) PlansByTier() []Plan {
	var plans []Plan
	for id := range v.Plans {
		if p, ok := v.Plan(id, 0); ok && !p.Inactive {
			plans = append(plans, p)
		}
	}
	slices.SortFunc(plans, func(a, b Plan) int { return cmp.Or(cmp.Compare(a.Tier, b.Tier), cmp.Compare(a.ID, b.ID)) })
	return plans
}

func pick[T any](versions []T, version int, of func(T) int) (T, bool) {
	for _, v := range slices.Backward(versions) {
		if version == 0 || of(v) == version {
			return v, true
		}
	}
	var none T
	return none, false
}

// Threshold is a use at which a Notification is due.
type Threshold struct {
	Name string // "soft", or the share of the hard limit: "80%"
	At   int64  // units
}

// thresholds returns what l asks to be told of, lowest first.
func (l Limit) thresholds() []Threshold {
	var due []Threshold
	if l.Soft > 0 {
		due = append(due, Threshold{Name: "soft", At: l.Soft})
	}
	if l.Hard > 0 {
		for _, percent := range l.Alerts {
			due = append(due, Threshold{Name: percentName(percent), At: share(l.Hard, percent)})
		}
	}
	slices.SortStableFunc(due, func(a, b Threshold) int { return cmp.Compare(a.At, b.At) })
	return due
}
