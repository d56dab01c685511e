package traffic

import (
	"slices"
	"sync"
	"time"
)

// Tenant is a company that asks. What it was told is read when nobody asks any more.
type Tenant struct {
	ID, Plan string
	Used     map[string]int64 // before the traffic

	key    string   // of the API
	spare  []string // others, each with a rate limit of its own, to ask again with
	weight int
	bulk   bool
	shut   bool

	mu   sync.Mutex
	told Told
}

// Told is what a company was told.
type Told struct {
	Quotes  map[string]*Quote // by id
	Jobs    map[string]bool   // ids of bulk jobs
	Events  map[string]bool   // names of events that were taken in
	Tickets map[string]string // ids by what they say
	Calls   []Call            // every one that was answered
	Silent  map[Kind]int      // calls without an answer
	Unknown int               // calls without an answer, or with one of the kind "something is broken"
	Wrong   []string          // answers that contradict others

	// The same of those that may count, or leave a trace, without anybody being able to ask.
	UnknownMetered, UnknownPosts int

	byKey   map[string]*asked   // by idempotency key
	keys    map[string][]string // those whose answer is known, by how they begin
	made    []string            // ids of quotes, in order
	open    []request           // to be asked again
	doubted map[sameness]bool   // of these
}

// Quote is one that a company has.
type Quote struct {
	Step int // 0 created, 1 sent, 2 accepted, 3 booked: as far as the company knows
	Bulk bool
}

// Call is an answer as it is counted.
type Call struct {
	Kind       Kind
	Status     int
	Post       bool
	Metered    bool // counts against the API access of a plan that has it
	TooFast    bool // refused by the rate limit
	Spare      bool // asked with the other key
	Fresh      bool // made a quote
	Sent, Read time.Time
	House      int // who answered
}

// asked is what was asked for under a key.
type asked struct {
	body string
	id   string // of the quote or the job; empty while nobody knows
}

// spares is how many keys a company has to ask again with.
const spares = 8

func newTenant(id string, p profile) *Tenant {
	spare := make([]string, spares)
	for i := range spare {
		spare[i] = newKey()
	}
	return &Tenant{
		ID: id, Plan: p.plan, Used: p.used, key: newKey(), spare: spare, weight: p.weight, bulk: p.bulk, shut: p.shut,
		told: Told{
			Quotes: map[string]*Quote{}, Jobs: map[string]bool{}, Events: map[string]bool{}, Tickets: map[string]string{},
			Silent: map[Kind]int{},
			byKey:  map[string]*asked{}, keys: map[string][]string{}, doubted: map[sameness]bool{},
		},
	}
}

// Told returns what the company was told. It is not to be called while anybody asks.
func (t *Tenant) Told() *Told { return &t.told }

// secret returns the key to ask with: the own one for 0, else one of the others in turn.
func (t *Tenant) secret(turn int) string {
	if turn == 0 {
		return t.key
	}
	return t.spare[turn%len(t.spare)]
}

// has says whether the plan includes a feature.
func (t *Tenant) has(feature string) bool {
	_, ok := Limits[t.Plan][feature]
	return ok
}

// Steps returns how many quotes have come at least as far as a step.
func (t *Told) Steps(step int) int {
	n := 0
	for _, q := range t.Quotes {
		if q.Step >= step {
			n++
		}
	}
	return n
}

// Moved returns how often a quote came a step further.
func (t *Told) Moved() int {
	n := 0
	for _, q := range t.Quotes {
		n += q.Step
	}
	return n
}

// Count returns how many answers are such as f says.
func (t *Told) Count(f func(Call) bool) int64 {
	n := int64(0)
	for _, c := range t.Calls {
		if f(c) {
			n++
		}
	}
	return n
}

// Fastest returns the most answers that were let through by the rate limit within a minute: those that were both sent
// and read in it. Calls that are free were let through uncounted, and at a cut all counts were forgotten.
func (t *Told) Fastest(free func(Call) bool, cuts []time.Time) int {
	parts := make([][]Call, len(cuts)+1)
	for _, c := range t.Calls {
		before := part(cuts, c.Sent)
		if !c.TooFast && !c.Spare && c.Status < 500 && !free(c) && before == part(cuts, c.Read) {
			parts[before] = append(parts[before], c)
		}
	}
	most := 0
	for _, let := range parts {
		slices.SortFunc(let, func(a, b Call) int { return a.Read.Compare(b.Read) })
		for i := range let {
			most = max(most, within(let[:i+1], let[i].Read.Add(-time.Minute)))
		}
	}
	return most
}

// part returns how many of the cuts lie before an instant.
func part(cuts []time.Time, at time.Time) int {
	n := 0
	for _, cut := range cuts {
		if cut.Before(at) {
			n++
		}
	}
	return n
}

// within counts the calls that were sent since.
func within(calls []Call, since time.Time) int {
	n := 0
	for _, c := range calls {
		if c.Sent.After(since) {
			n++
		}
	}
	return n
}

// Gap is a time in which something was broken.
type Gap struct{ From, To time.Time }

// Touches says whether the gap has a moment in common with the time between two instants.
func (g Gap) Touches(from, to time.Time) bool { return !from.After(g.To) && !to.Before(g.From) }
