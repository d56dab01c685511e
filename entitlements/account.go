package entitlements

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// OpKind is what an [Op] does.
type OpKind uint8

// The kinds of operation.
const (
	OpConsume OpKind = iota + 1 // check, count and de-duplicate in one step
	OpRecord                    // count without a gate
	OpReturn                    // take away from a gauge
	OpReserve                   // set aside
	OpCommit                    // turn a hold into use
	OpRelease                   // give a hold back
	OpCorrect                   // take back by key
)

// Op is one operation on a tenant's use of a feature, validated, with everything in it that a store needs: a store
// mints nothing and reads no clock.
type Op struct {
	Kind     OpKind
	Use      Use             // Tenant always; Feature but for Commit, Release and Correct; Quantity is a Commit's actual
	ID       string          // of the event or hold that it makes: a UUIDv7
	Now      time.Time       // the store's clock, as the service read it
	At       time.Time       // when the use happened: Use.At, else Now
	Until    time.Time       // of a Reserve: when the hold expires
	Hold     string          // of a Commit or Release
	Metadata json.RawMessage // Use.Metadata as JSON; nil for none
	Digest   int64           // of what Use.Key stands for
}

// NotBefore returns op as it stands for a tenant with rights r; a store calls it under the tenant's lock, before it looks
// at op's times. An operation of now that comes before the subscription, by no more than clocks may differ, comes from a
// process whose clock is behind that of the process that subscribed the tenant: it is moved to the start, or its use
// would count in a period before the first. A use that says itself when it happened keeps its time.
func (op Op) NotBefore(r *Rights) Op {
	if r.Entitlement == nil {
		return op
	}
	start := r.Entitlement.StartedAt
	behind := start.Sub(op.Now)
	if behind <= 0 || behind > maxAhead {
		return op
	}
	op.Now = start
	if op.Use.At.IsZero() {
		op.At = start
	}
	if !op.Until.IsZero() {
		op.Until = op.Until.Add(behind)
	}
	return op
}

// Outcome is what came of an [Op].
type Outcome struct {
	Decision Decision
	After    Decision // what a check would say right after
	Hold     Hold     // of a Reserve that was allowed
	Settled  bool     // of a Reserve that was replayed: its hold was committed meanwhile
	Ungated  int64    // of a Commit: units beyond the hold that fitted no limit and were recorded all the same
	Err      error    // of this operation alone; nothing was written for it
}

// CounterKey names a counter of an account.
type CounterKey struct {
	Period Period
	Start  time.Time
}

// Counter is what was used of a feature within one period. A stored counter is exact: Used is the sum of the events,
// Held of the open holds, and Granted of what both drew from grants, whose time lies in the period.
type Counter struct {
	CounterKey
	End     time.Time
	Used    int64
	Held    int64
	Granted int64
	Seal
}

// Seal is what may be relied on without looking at anything but the counter: until Until, and as long as Used + Held
// stays within Ceiling, every use is allowed, crosses no threshold and draws from no grant. Whatever changes a right
// breaks the seals it concerns in its own transaction.
type Seal struct {
	Until       time.Time // zero: broken
	Ceiling     int64
	Hard        int64
	Soft        int64
	Overage     int64
	Spare       int64 // units left of grants
	Plan        string
	PlanVersion int
	Source      Source
}

// covers says whether t lies in the counter's period.
func (c *Counter) covers(t time.Time) bool { return !t.Before(c.Start) && t.Before(c.End) }

// level is what counts against the plan's limit.
func (c *Counter) level() int64 { return c.Used + c.Held - c.Granted }

// HoldState says what became of a hold.
type HoldState string

// The states of a hold.
const (
	HoldOpen      HoldState = "open"
	HoldCommitted HoldState = "committed"
	HoldReleased  HoldState = "released"
	HoldExpired   HoldState = "expired"
)

// StoredHold is a hold as a store keeps it.
type StoredHold struct {
	Hold
	State    HoldState
	Included int64  // units within the plan's allowance; the rest came from grants, then overage
	Draws    []Draw // from grants
	Actual   int64  // of a committed hold
	Ungated  int64  // of a committed hold
	Extra    string // id of the event beyond the hold; empty for none
}

// Draw is what an event or a hold took from a grant.
type Draw struct {
	Grant    string
	Quantity int64
}

// Event is a stored use. Its id is the hold's for the part that a hold covered.
type Event struct {
	ID         string
	Feature    string
	Quantity   int64 // negative when it takes away
	OccurredAt time.Time
	Metadata   json.RawMessage
	Corrects   string // id of the event that this one takes back; empty for none
	Draws      []Draw
}

// KeyRecord is what a key stands for.
type KeyRecord struct {
	ID        string // of the event or hold
	Digest    int64
	Corrected bool
}

// Alert names a threshold that a period has crossed.
type Alert struct {
	CounterKey
	Name string
}

// Account is one tenant's standing with one feature. A store loads it under a lock, lets [Account.Settle] decide, and
// writes what changed; so every store decides alike. All slices may be empty.
type Account struct {
	Tenant    string
	Terms     Terms
	Counters  []*Counter            // all that cover an instant that the operations touch; see [Account.Windows]
	Grants    []*Grant              // of the feature
	Holds     []*StoredHold         // the open ones of the feature, and those that the operations name
	Keys      map[string]*KeyRecord // of the keys that the operations name
	Originals map[string][]*Event   // by key, what a Correct takes back
	Alerts    map[Alert]bool        // crossed before

	Effects Effects // what Settle made, for the store to add

	paired   []window // what windows last returned: an operation asks for the same instant again and again
	pairedAt time.Time
}

// Effects is what is to be added. Counters, grants, holds and key records are changed in place.
type Effects struct {
	Events []Event
	Holds  []*StoredHold
	Keys   map[string]*KeyRecord // new ones
	Moved  map[string]*KeyRecord // stored ones that stand for another hold now
	Alerts []Crossing
}

// Crossing is a threshold that was just crossed.
type Crossing struct {
	Alert
	Threshold Threshold
	Counter   Counter // as it is after
	At        time.Time
}

// Notification is what a crossing tells people, of a tenant's use of a feature. Its key is the same however often the
// crossing is told.
func (c Crossing) Notification(tenant, feature string) tenon.Notification {
	severity := tenon.SeverityInfo
	if c.Counter.Hard != Unlimited && c.Threshold.At >= c.Counter.Hard {
		severity = tenon.SeverityWarning
	}
	start := c.Start.Format(time.RFC3339)
	return tenon.Notification{
		Key:  strings.Join([]string{"entitlements.threshold", tenant, feature, c.Period.String(), start, c.Name}, "/"),
		Kind: "entitlements.threshold", Tenant: tenant, Severity: severity, At: c.At,
		Title: fmt.Sprintf("%s: %s has used %d of %s", feature, tenant, c.Counter.Used, amount(c.Counter.Hard)),
		Data: map[string]string{
			"feature": feature, "threshold": c.Name, "at": strconv.FormatInt(c.Threshold.At, 10),
			"used": strconv.FormatInt(c.Counter.Used, 10), "hard": strconv.FormatInt(c.Counter.Hard, 10),
			"period": c.Period.String(), "period_start": start,
		},
	}
}

// Windows returns the counters that a decision at t needs: one for each limit of the terms, and that of a gauge whatever
// the terms of a subscribed tenant are. Used, Held and Granted are zero; a store that lacks one makes it from the events, draws and open holds
// whose time lies in it.
func (t Terms) Windows(at time.Time) []Counter {
	switch {
	case t.Kind == Gauge && t.Reason != ReasonNoPlan: // what is in use can be given back though nothing is allowed
		return []Counter{{CounterKey: CounterKey{Start: lifetimeStart}, End: lifetimeEnd}}
	case t.Reason != ReasonAllowed, t.Kind == Boolean, t.Kind == Config:
		return nil
	}
	windows := make([]Counter, 0, len(t.Limits))
	for _, l := range t.Limits {
		start, end := l.Period.Bounds(t.Anchor, at)
		windows = append(windows, Counter{CounterKey: CounterKey{Period: l.Period.normal(), Start: start}, End: end})
	}
	return windows
}

// window is a limit with its counter.
type window struct {
	Limit
	*Counter
}

// windows pairs the limits with the loaded counters that hold t. For the instants of an operation a store has loaded
// them all, and deciding on a nil counter panics rather than letting use through.
func (a *Account) windows(t time.Time) []window {
	if a.Terms.Reason != ReasonAllowed {
		return nil
	}
	if a.paired != nil && a.pairedAt.Equal(t) {
		return a.paired
	}
	needs := a.Terms.Windows(t)
	ws := make([]window, len(needs))
	for i, need := range needs {
		ws[i] = window{Limit: a.Terms.Limits[i], Counter: a.counter(need.CounterKey)}
	}
	a.paired, a.pairedAt = ws, t
	return ws
}

func (a *Account) counter(k CounterKey) *Counter {
	for _, c := range a.Counters {
		if c.Period == k.Period && c.Start.Equal(k.Start) {
			return c
		}
	}
	return nil
}

// allowance is what the plan includes and is left; room is what lies before a refusal, overage included.
func (w window) allowance() int64 {
	if w.Hard == Unlimited {
		return maxLevel
	}
	return max(0, w.Hard-w.level())
}

func (w window) room() int64 {
	if w.Hard == Unlimited || w.Overage == Unlimited {
		return maxLevel
	}
	return max(0, w.Hard+w.Overage-w.level())
}

// burnable returns the live grants of a metered feature in the order in which they burn.
func (a *Account) burnable(t time.Time) []*Grant {
	if a.Terms.Kind != Metered {
		return nil
	}
	var live []*Grant
	for _, g := range a.Grants {
		if g.live(t) {
			live = append(live, g)
		}
	}
	slices.SortStableFunc(live, compareGrants)
	return live
}

// compareGrants orders grants as they burn.
func compareGrants(x, y *Grant) int {
	return cmp.Or(cmp.Compare(x.Priority, y.Priority), compareExpiry(x.ExpiresAt, y.ExpiresAt),
		x.CreatedAt.Compare(y.CreatedAt), cmp.Compare(x.ID, y.ID))
}

func compareExpiry(x, y time.Time) int {
	switch {
	case x.Equal(y):
		return 0
	case x.IsZero():
		return 1
	case y.IsZero():
		return -1
	default:
		return x.Compare(y)
	}
}

// split is how a quantity is covered: by the plan's allowance, then grants, then overage.
type split struct{ included, granted, overage int64 }

func (s split) total() int64 { return s.included + s.granted + s.overage }

// capacity returns the most that fits at t, split.
func (a *Account) capacity(ws []window, now time.Time) split {
	s := split{included: maxLevel}
	room := maxLevel
	for _, w := range ws {
		s.included, room = min(s.included, w.allowance()), min(room, w.room())
	}
	for _, g := range a.burnable(now) {
		s.granted = min(s.granted+g.left(), maxLevel)
	}
	if s.included < maxLevel {
		s.overage = room - s.included
	}
	return s
}

// cut returns how quantity is covered within s, and whether it is.
func (s split) cut(quantity int64) (split, bool) {
	var c split
	c.included = min(quantity, s.included)
	c.granted = min(quantity-c.included, s.granted)
	c.overage = min(quantity-c.included-c.granted, s.overage)
	return c, c.total() == quantity
}

// draw takes n units from the live grants in order. The units count as used, or as held.
func (a *Account) draw(n int64, now time.Time, held bool) []Draw {
	var draws []Draw
	for _, g := range a.burnable(now) {
		take := min(n, g.left())
		if take == 0 {
			continue
		}
		if held {
			g.Held += take
		} else {
			g.Used += take
		}
		draws = append(draws, Draw{Grant: g.ID, Quantity: take})
		n -= take
	}
	return draws
}

func (a *Account) grant(id string) *Grant {
	i := slices.IndexFunc(a.Grants, func(g *Grant) bool { return g.ID == id })
	if i < 0 {
		return &Grant{} // erased meanwhile: nothing to give back to
	}
	return a.Grants[i]
}

// count adds to every loaded counter that holds t.
func (a *Account) count(t time.Time, used, held, granted int64) {
	for _, c := range a.Counters {
		if c.covers(t) {
			c.Used, c.Held, c.Granted = c.Used+used, c.Held+held, c.Granted+granted
		}
	}
}
