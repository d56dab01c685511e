package kpi

import (
	"context"
	"time"

	"github.com/transbotai/tenon"
)

// Store keeps events, and the definitions of KPIs with what was decided about them. It decides nothing by itself.
// Methods may be called concurrently, by many processes. A store reads no clock and mints no id. When it is away, every
// method returns an error of the class [tenon.ErrUnavailable].
type Store interface {
	// Track carries out entries in their order and returns a receipt for each. Of entries with the same tenant and
	// key, also within one call, an Add after the first is a [Duplicate]; without a key, of those with the same ID. All are carried out or none; they are durable
	// when Track returns, or, if the store is bound to a caller's transaction, when that commits. After an error the
	// outcome is unknown, and the same call may be made again: entries with a key have no second effect, but that a
	// Retract then finds nothing and is [Unknown].
	Track(ctx context.Context, entries []Entry) ([]Receipt, error)

	// Load returns the state as it is. An empty one is not an error. The caller may change what it gets.
	Load(ctx context.Context) (*State, error)

	// Change locks the state, hands a copy to edit, stores the result, and hands the changes and notifications that
	// edit returns to the recorder and the notifier, all in one transaction. When edit, the recorder or the notifier
	// returns an error, nothing is written and the error is returned. Edit may be called more than once and must have
	// no other effect. What Change returns is the state after. A measure of a KPI that is new is complete, from the
	// events that are there, before Cells answers for it.
	Change(ctx context.Context, edit Edit) (*State, error)

	// Cells returns what a measure counts in each period and group, without those in which it counts nothing, by
	// period and group. It includes every event that was tracked before, folded into rollups or not. A measure that no
	// KPI of the state needs is counted from the events.
	Cells(ctx context.Context, q CellQuery) (Cells, error)

	// Scan returns what a Unique, a Cohort or a Funnel counts in each period and group, as their comments say, without
	// those in which it counts nothing, by period and group.
	Scan(ctx context.Context, q ScanQuery) (Cells, error)
}

// Keeper is what a store offers that keeps rollups.
type Keeper interface {
	// Verify compares the rollups, with what is not folded yet, to the events, and returns what differs: nothing,
	// unless somebody wrote to the tables by hand.
	Verify(ctx context.Context) ([]Drift, error)

	// Rebuild makes all rollups from the events again. Cells answers and Track goes on meanwhile.
	Rebuild(ctx context.Context) error
}

// Asides is what a store offers for events that were kept aside.
type Asides interface {
	// Quarantined returns at most q.Limit events that were kept aside, by id. None is not an error.
	Quarantined(ctx context.Context, q AsideQuery) ([]Aside, error)

	// Release removes an event from the quarantine and returns it, for the caller to track or to drop in the same
	// transaction. One that is not there gives [ErrUnknownEvent].
	Release(ctx context.Context, tenant, id string) (Aside, error)
}

// Explainer is what a store offers that can show how it counts.
type Explainer interface {
	// ExplainCells returns the statement that Cells runs, with its arguments in comments.
	ExplainCells(q CellQuery) string
	// ExplainScan returns the statement that Scan runs.
	ExplainScan(q ScanQuery) string
}

// EntryKind says what to do with an [Entry].
type EntryKind uint8

// The kinds.
const (
	Add      EntryKind = iota // store the event
	Correct                   // store it in the place of the event with its key; the key and the receipt's ID are its own
	Retract                   // remove the event with its key, which stays taken; of the event, Tenant and Key are set
	SetAside                  // keep it in quarantine, with the reason
)

// Entry is one thing to do. Its event is as the [Tracker] checked it: JSON is what to store, and Properties are what the
// caller gave, which [Event.Read] makes of JSON anew. That of a SetAside may be anything that can be stored as text.
type Entry struct {
	Kind   EntryKind
	Event  Event
	Reason string // of a SetAside
}

// Aside is an event in quarantine.
type Aside struct {
	Event  Event
	Reason string
}

// AsideQuery asks for events in quarantine.
type AsideQuery struct {
	Tenant string // empty: of all tenants
	After  string // ids after this one
	Limit  int    // 1 to 1,000; 0 means 100
}

// CellQuery asks what a measure counts.
type CellQuery struct {
	Measure Measure
	Tenant  string      // empty: all tenants together
	Edges   []time.Time // of the periods: at least 2, ascending, multiples of [Quarter]
	Split   bool        // by the measure's breakdown; otherwise there is one group, ""
}

// ScanQuery asks what exactly one of its pointers counts.
type ScanQuery struct {
	Unique *Unique
	Cohort *Cohort
	Funnel *Funnel

	Tenant string
	Edges  []time.Time
	Split  bool
}

// Cell is what was counted in one period and group.
type Cell struct {
	Period int    // the period begins at Edges[Period]
	Group  string // "" unless split

	Count     int64   // events; of pairs, cohorts and funnels the subjects that started; of a Unique the subjects
	Numbers   int64   // of a sum: events that had a number to add
	Sum       Amount  //
	Converted int64   // of pairs, cohorts and funnels: subjects that got to the end
	Took      int64   // of pairs and funnels: whole milliseconds that these took, added up
	Reached   []int64 // of a funnel, by step: subjects that got there; of a cohort, by age: subjects that had an event

	// Median and P90 of what those who got to the end of a funnel took: the smallest value that at least half, or nine
	// in ten, did not exceed. Whole milliseconds.
	Median, P90 int64
}

// Cells are an answer of a store.
type Cells struct {
	Cells   []Cell
	Newest  time.Time // when the newest event of the tenant that is in it was received; zero: there is none
	Pending int64     // events of which rollups were not made yet, and which were added when this was read
}

// Drift is a number of a rollup that differs from what the events say.
type Drift struct {
	Tenant  string
	Measure string    // [Measure.Key]
	Bucket  time.Time //
	Group   string
	What    string // "count", "numbers", "sum", "converted", "took"
	Stored  int64
	Counted int64
}

// Edit changes a state in place and says what follows.
type Edit func(s *State) (Effects, error)

// Effects are what others are told of an edit, in its transaction.
type Effects struct {
	Changes       []tenon.Change
	Notifications []tenon.Notification
}

// State is everything but events.
type State struct {
	KPIs  []KPI       // by name
	Goals []GoalState // by KPI
}

// Measures returns the measures that the KPIs need, each once.
func (s *State) Measures() []Measure {
	var measures []Measure
	seen := map[string]bool{}
	for _, k := range s.KPIs {
		for _, m := range k.Measures() {
			if key := m.Key(); !seen[key] {
				seen[key] = true
				measures = append(measures, m)
			}
		}
	}
	return measures
}
