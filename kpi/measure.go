package kpi

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Measure is what a rollup keeps in quarters of an hour: of the events that fit, how many there are and what a property
// adds up to; or of pairs, how many subjects started and how many of them converted. See [Conversion]. KPIs that need
// the same measure share it.
type Measure struct {
	Of        Step   `json:"of"`
	Property  string `json:"property,omitempty"` // of a sum
	Breakdown string `json:"breakdown,omitempty"`
	Pair      *Pair  `json:"pair,omitempty"` // nil: events are counted
}

// Pair makes a [Measure] count subjects: Measure.Of says what starts one.
type Pair struct {
	Convert Step     `json:"convert"`
	Subject Subject  `json:"subject,omitempty"`
	Window  Duration `json:"window,omitempty"`
	Lead    Duration `json:"lead,omitempty"`
}

// Key returns a name for m that measures share only when they count the same: 32 hexadecimal digits.
func (m Measure) Key() string {
	m.Of.Label = ""
	if m.Pair != nil {
		p := *m.Pair
		p.Convert.Label = ""
		m.Pair = &p
	}
	sum := sha256.Sum256(digest(m))
	return hex.EncodeToString(sum[:16])
}

// Measures returns what the KPI needs rollups of: none for a [Unique], a [Cohort] or a [Funnel], which are read from
// events.
func (k KPI) Measures() []Measure {
	switch {
	case k.Count != nil:
		return []Measure{{Of: k.Count.Of, Breakdown: k.Count.Breakdown}}
	case k.Sum != nil:
		return []Measure{{Of: k.Sum.Of, Property: k.Sum.Property, Breakdown: k.Sum.Breakdown}}
	case k.Ratio != nil:
		return []Measure{
			{Of: k.Ratio.Of.Of, Property: k.Ratio.Of.Property}, {Of: k.Ratio.Per.Of, Property: k.Ratio.Per.Property},
		}
	case k.Conversion != nil:
		c := k.Conversion
		return []Measure{{
			Of: c.Start, Breakdown: c.Breakdown,
			Pair: &Pair{Convert: c.Convert, Subject: c.Subject, Window: c.Window, Lead: c.Lead},
		}}
	}
	return nil
}

// Delta is what events add to one bucket of a measure that counts events. Of events that are taken back, all is
// negative.
type Delta struct {
	Measure string // [Measure.Key]
	Tenant  string
	Bucket  time.Time // a multiple of [Quarter]
	Group   string
	Count   int64
	Numbers int64 // events that had a number to add
	Sum     Amount
}

// Tally returns what e alone adds to m, and false when it does not fit. It serves measures without a Pair.
func (m Measure) Tally(e *Event) (Delta, bool) {
	if !m.Of.Fits(e) {
		return Delta{}, false
	}
	d := Delta{Tenant: e.Tenant, Bucket: e.At.Truncate(Quarter), Group: e.group(m.Breakdown), Count: 1}
	if m.Property != "" {
		if n, ok := e.number(m.Property); ok {
			d.Sum, d.Numbers = n, 1
		}
	}
	return d, true
}

// Sighting is what an event means to a measure with a Pair.
type Sighting struct {
	Tenant   string
	Subject  string
	Group    string    // of the event, which counts where it is the one that started
	At       time.Time //
	ID       string    // of the event: of starts at the same instant the lowest counts
	Starts   bool
	Converts bool
}

// Sight returns what e means to m, and false when it means nothing. It serves measures with a Pair.
func (m Measure) Sight(e *Event) (Sighting, bool) {
	s := Sighting{Tenant: e.Tenant, At: e.At, ID: e.ID, Starts: m.Of.Fits(e), Converts: m.Pair.Convert.Fits(e)}
	if !s.Starts && !s.Converts {
		return s, false
	}
	subject, ok := m.Pair.Subject.Of(e)
	s.Subject, s.Group = subject, e.group(m.Breakdown)
	return s, ok
}

// Converts says whether a subject that started then converted, and how many whole milliseconds it took: 0 when it
// converted before it started.
func (p Pair) Converts(start, convert time.Time) (took int64, ok bool) {
	d := convert.Sub(start)
	if d < -time.Duration(p.Lead) || p.Window > 0 && d > time.Duration(p.Window) {
		return 0, false
	}
	return max(d.Milliseconds(), 0), true
}
