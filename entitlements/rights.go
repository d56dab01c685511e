package entitlements

import (
	"cmp"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Status is where a tenant's subscription stands.
type Status string

// The statuses, as billers name them.
const (
	Trialing          Status = "trialing"
	Active            Status = "active"
	PastDue           Status = "past_due" // allowed until the grace ends
	Canceled          Status = "canceled" // allowed until AccessUntil, when that is set
	Paused            Status = "paused"
	Unpaid            Status = "unpaid"
	Incomplete        Status = "incomplete"
	IncompleteExpired Status = "incomplete_expired"
)

var statuses = []Status{Trialing, Active, PastDue, Canceled, Paused, Unpaid, Incomplete, IncompleteExpired}

// Entitlement is a tenant's subscription to a plan.
type Entitlement struct {
	Plan      string    `json:"plan"`
	Version   int       `json:"version"`
	Status    Status    `json:"status"`
	StartedAt time.Time `json:"started_at"`

	// TrialEndsAt bounds the trial; required while Trialing. TrialUsed remembers that there was one.
	TrialEndsAt time.Time `json:"trial_ends_at,omitzero"`
	TrialUsed   bool      `json:"trial_used,omitempty"`

	// Anchor is the instant that periods are counted from; zero means CurrentPeriodStart, and StartedAt when that is
	// zero too. Set it where the biller moves CurrentPeriodStart with each renewal, so that the 31st stays the 31st.
	Anchor             time.Time `json:"anchor,omitzero"`
	CurrentPeriodStart time.Time `json:"current_period_start,omitzero"`
	CurrentPeriodEnd   time.Time `json:"current_period_end,omitzero"` // zero: a month from the anchor's last step

	// GraceUntil is how long PastDue still allows; zero means no longer at all.
	GraceUntil time.Time `json:"grace_until,omitzero"`
	// AccessUntil bounds access whatever the status says; zero leaves it to the status, which allows Canceled nothing.
	AccessUntil time.Time `json:"access_until,omitzero"`

	// Next is what follows by itself: a downgrade at the period's end, the fallback after a trial.
	Next *Next `json:"next,omitempty"`

	Customer     string `json:"customer,omitempty"`     // the biller's id of the customer
	Subscription string `json:"subscription,omitempty"` // the biller's id of the subscription
}

// Next is a planned change of plan.
type Next struct {
	At      time.Time `json:"at"`
	Plan    string    `json:"plan"`
	Version int       `json:"version"`
}

// At returns e as it stands at t: with Next carried out when it is due. A trial that Next ends becomes active; any other
// status stays what it is.
func (e Entitlement) At(t time.Time) Entitlement {
	if e.Next == nil || t.Before(e.Next.At) {
		return e
	}
	e.Plan, e.Version, e.Next = e.Next.Plan, e.Next.Version, nil
	if e.Status == Trialing {
		e.Status = Active
	}
	return e
}

// anchor is the instant that periods are counted from.
func (e Entitlement) anchor() time.Time {
	for _, t := range []time.Time{e.Anchor, e.CurrentPeriodStart} {
		if !t.IsZero() {
			return t
		}
	}
	return e.StartedAt
}

// PeriodEnd returns when the billing period that holds t ends.
func (e Entitlement) PeriodEnd(t time.Time) time.Time {
	if e.CurrentPeriodEnd.After(t) {
		return e.CurrentPeriodEnd
	}
	_, end := Monthly.Bounds(e.anchor(), t)
	return end
}

// access says whether e allows anything at t, why not, and until when that answer holds; zero means that it holds
// until somebody changes e.
func (e Entitlement) access(t time.Time) (reason Reason, until time.Time) {
	reason, end := e.statusAccess()
	if reason != ReasonAllowed {
		return reason, time.Time{}
	}
	ended := map[Status]Reason{Trialing: ReasonTrialEnded, PastDue: ReasonPastDue}[e.Status]
	if ended != 0 && !t.Before(end) {
		return ended, time.Time{}
	}
	if !e.AccessUntil.IsZero() && !t.Before(e.AccessUntil) {
		return ReasonCanceled, time.Time{}
	}
	return ReasonAllowed, earliest(end, e.AccessUntil)
}

// statusAccess is the table from status to access, and the end that the status itself brings.
func (e Entitlement) statusAccess() (Reason, time.Time) {
	switch e.Status {
	case Active:
		return ReasonAllowed, time.Time{}
	case Trialing:
		return ReasonAllowed, e.TrialEndsAt
	case PastDue:
		return ReasonAllowed, e.GraceUntil
	case Canceled:
		if !e.AccessUntil.IsZero() {
			return ReasonAllowed, e.AccessUntil
		}
		return ReasonCanceled, time.Time{}
	default:
		return ReasonSuspended, time.Time{}
	}
}

// Override is a sparse patch of what a tenant's plan says about a feature. A nil field leaves the plan's value.
type Override struct {
	Feature   string    `json:"feature"`
	Period    Period    `json:"period,omitzero"` // which window of a feature with several, else of a new one; none of a Config
	Hard      *int64    `json:"hard,omitempty"`
	Soft      *int64    `json:"soft,omitempty"`
	Overage   *int64    `json:"overage,omitempty"`
	Value     *string   `json:"value,omitempty"`
	Reason    string    `json:"reason"` // required: why this tenant is treated apart
	By        string    `json:"by,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero: until removed
}

// Attachment is an add-on that a tenant has.
type Attachment struct {
	AddOn      string    `json:"addon"`
	Version    int       `json:"version"`
	Quantity   int64     `json:"quantity"` // how many times; at least 1
	AttachedAt time.Time `json:"attached_at"`
}

// Grant is extra units of a feature, usable when the plan's allowance is used up. Grants of a Metered feature burn in
// the order Priority, earliest expiry, oldest; those of a Gauge raise its limit while they last.
type Grant struct {
	ID          string    `json:"id"`
	Feature     string    `json:"feature"`
	Amount      int64     `json:"amount"`
	Used        int64     `json:"used"`     // by use that was accepted
	Held        int64     `json:"held"`     // by holds
	Priority    int       `json:"priority"` // lower burns first
	EffectiveAt time.Time `json:"effective_at"`
	ExpiresAt   time.Time `json:"expires_at,omitzero"` // zero: never
	CreatedAt   time.Time `json:"created_at"`
	VoidedAt    time.Time `json:"voided_at,omitzero"` // zero: not taken back
	Reason      string    `json:"reason,omitempty"`
}

// live says whether g can be drawn from at t.
func (g Grant) live(t time.Time) bool {
	return !t.Before(g.EffectiveAt) && (g.ExpiresAt.IsZero() || t.Before(g.ExpiresAt)) && g.VoidedAt.IsZero()
}

func (g Grant) left() int64 { return max(0, g.Amount-g.Used-g.Held) }

// Rights is all that is stored of what a tenant may do.
type Rights struct {
	Tenant      string
	Revision    int64        // grows with every change
	Entitlement *Entitlement // nil: nobody subscribed the tenant
	Overrides   []Override   // at most one for each feature and period
	AddOns      []Attachment
	Grants      []Grant
}

// Clone returns a copy that shares nothing with r.
func (r *Rights) Clone() *Rights {
	c := *r
	if r.Entitlement != nil {
		e := *r.Entitlement
		if e.Next != nil {
			next := *e.Next
			e.Next = &next
		}
		c.Entitlement = &e
	}
	c.Overrides, c.AddOns, c.Grants = slices.Clone(r.Overrides), slices.Clone(r.AddOns), slices.Clone(r.Grants)
	return &c
}

// Edit returns r as edit changes it, with what was planned and is due carried out first, at the next revision, once
// record has taken the changes. R stays as it is.
func (r *Rights) Edit(v *Versions, now time.Time, edit Edit, record func([]tenon.Change) error) (*Rights, error) {
	next := r.Clone()
	if next.Entitlement != nil {
		e := next.Entitlement.At(now)
		next.Entitlement = &e
	}
	changes, err := edit(next, v)
	if err != nil {
		return nil, err
	}
	next.Revision++
	slices.SortFunc(next.Overrides, func(a, b Override) int {
		return cmp.Or(cmp.Compare(a.Feature, b.Feature), cmp.Compare(a.Period.String(), b.Period.String()))
	})
	return next, record(changes)
}

// Covers says whether v holds everything that r refers to.
func (v *Versions) Covers(r *Rights) bool {
	if e := r.Entitlement; e != nil {
		if _, ok := v.Plan(e.Plan, e.Version); !ok {
			return false
		}
		if e.Next != nil {
			if _, ok := v.Plan(e.Next.Plan, e.Next.Version); !ok {
				return false
			}
		}
	}
	for _, a := range r.AddOns {
		if _, ok := v.AddOn(a.AddOn, a.Version); !ok {
			return false
		}
	}
	return true
}

// Spell is a line of a tenant's history: the plan in force from an instant on, until the next line.
type Spell struct {
	From    time.Time `json:"from"`
	Plan    string    `json:"plan"`
	Version int       `json:"version"`
	Status  Status    `json:"status"`
}

// Told returns what a history says of r, which before became at now: the lines from the first on, which a store puts in
// the place of all it has from then on, less a first one that repeats the line before. A tenant's first subscription is
// told from its start. Without an entitlement there is nothing to tell.
func (r *Rights) Told(before *Rights, now time.Time) []Spell {
	if r.Entitlement == nil {
		return nil
	}
	spells := r.Entitlement.Spells(now)
	if start := r.Entitlement.StartedAt; before.Entitlement == nil && start.Before(now) {
		spells[0].From = start
	}
	return spells
}

// Spells returns what follows from t on when e is in force: the present line, and those that come by themselves.
func (e Entitlement) Spells(t time.Time) []Spell {
	e = e.At(t)
	spells := []Spell{{From: t, Plan: e.Plan, Version: e.Version, Status: e.Status}}
	if _, until := e.access(t); !until.IsZero() && (e.Next == nil || until.Before(e.Next.At)) {
		spells = append(spells, Spell{From: until, Plan: e.Plan, Version: e.Version, Status: Canceled})
	}
	if e.Next != nil {
		spells = append(spells, Spell{From: e.Next.At, Plan: e.Next.Plan, Version: e.Next.Version, Status: e.At(e.Next.At).Status})
	}
	return spells
}
