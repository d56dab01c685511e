package kpi

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// Query asks for the figures of a KPI. What is left open is as the definition says.
type Query struct {
	KPI    string
	Tenant string    // empty: all tenants together
	From   time.Time // with To: the periods that hold these and what is between; both zero: the last ones
	To     time.Time // itself not included
	Last   int       // so many periods up to now; 0: as the definition says
	Grain  Grain
	Zone   string // of the IANA database
	Split  bool   // by the definition's breakdown, instead of all together
}

// Report is the figures of a KPI.
type Report struct {
	KPI    KPI     `json:"kpi"`
	Tenant string  `json:"tenant,omitempty"`
	Grain  Grain   `json:"grain"`
	Zone   string  `json:"zone"`
	Points []Point `json:"points"` // by period and group; without a split one for each period, otherwise where there is anything
	// Total adds up the points that are mature: of shares it is the share over all of them, never the mean of shares. A
	// Unique, a Cohort or a Funnel may count a subject in several periods, and their totals do so too. Percentiles have
	// none.
	Total     Point     `json:"total"`
	Freshness Freshness `json:"freshness"`
}

// Point is a figure in one period and group.
type Point struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Date  string    `json:"date"` // of Start on the clock of the zone: "2026-03-29", of an hour "2026-03-29T02:00+01:00"
	Group string    `json:"group,omitempty"`

	Value  float64 `json:"value"`  // shares are between 0 and 1
	Known  bool    `json:"known"`  // there was something to divide by; otherwise Value is 0 and means nothing
	Sample int64   `json:"sample"` // events, or subjects, that the figure stands on: of a share its denominator
	Count  int64   `json:"count"`  // of shares: how many of the sample converted
	// Immature says that the figure is not final: the period is not over, or subjects that started in it still have
	// time to convert. It is not to be compared with those before.
	Immature bool `json:"immature"`

	Sum   *Amount `json:"sum,omitempty"`   // exactly; of a Sum, a Ratio of sums
	Per   *Amount `json:"per,omitempty"`   // of a Ratio: what Sum, or the count, is divided by
	Steps []Stage `json:"steps,omitempty"` // of a Funnel
	Ages  []Stage `json:"ages,omitempty"`  // of a Cohort

	// What those took who got to the end of a Conversion or a Funnel. Zero where nobody did.
	Mean   time.Duration `json:"mean,omitempty"`
	Median time.Duration `json:"median,omitempty"` // of a Funnel
	P90    time.Duration `json:"p90,omitempty"`    // of a Funnel: nine in ten took no longer
}

// Stage is how many got to a step of a funnel, or had an event in an age of a cohort.
type Stage struct {
	Label    string  `json:"label"`
	Count    int64   `json:"count"`
	Share    float64 `json:"share"` // of those who started
	Immature bool    `json:"immature,omitempty"`
}

// Freshness says how new the figures are.
type Freshness struct {
	AsOf    time.Time `json:"as_of"`           // when they were read
	Newest  time.Time `json:"newest,omitzero"` // when the newest event was received; zero: there is none
	Pending int64     `json:"pending"`         // events not yet in rollups, which were added
}

// Read returns the figures of a KPI. They hold every event that was tracked before. A KPI that nobody defined gives
// [ErrUnknownKPI].
func (b *Board) Read(ctx context.Context, q Query) (Report, error) {
	s, err := b.load(ctx)
	if err != nil {
		return Report{}, err
	}
	k, ok := s.kpi(q.KPI)
	if !ok {
		return Report{}, ErrUnknownKPI
	}
	now, err := b.now(ctx)
	if err != nil {
		return Report{}, err
	}
	return b.read(ctx, k, q, now)
}

// Preview returns the figures of a KPI that need not be defined. Its measures are counted from the events.
func (b *Board) Preview(ctx context.Context, k KPI, q Query) (Report, error) {
	if err := k.Check(); err != nil {
		return Report{}, prefix(err)
	}
	now, err := b.now(ctx)
	if err != nil {
		return Report{}, err
	}
	return b.read(ctx, k, q, now)
}

// reading is a query as of now.
type reading struct {
	kpi   KPI
	query Query
	frame frame
	edges []time.Time
	now   time.Time
}

// resolve fills in what the query leaves open.
func (k KPI) resolve(q Query, now time.Time) (r reading, err error) {
	q.Grain, q.Zone = cmp.Or(q.Grain, k.Grain, Daily), cmp.Or(q.Zone, k.Zone, "UTC")
	if err := firstOf(checkText("tenant", q.Tenant), checkText("zone", q.Zone)); err != nil {
		return r, err
	}
	r = reading{kpi: k, query: q, now: now}
	if r.frame, err = newFrame(q.Grain, q.Zone); err != nil {
		return r, err
	}
	switch {
	case q.From.IsZero() && q.To.IsZero():
		r.edges, err = r.frame.last(cmp.Or(q.Last, k.Last, 30), now)
	case q.From.IsZero() || q.To.IsZero() || q.Last != 0:
		err = tenon.Invalid("from", "and to go together, and without last")
	case q.From.Year() < 1970 || q.To.Year() > 9000:
		err = tenon.Invalid("from", "is before 1970, or to after 9000")
	default:
		r.edges, err = r.frame.edges(q.From, q.To)
	}
	return r, err
}

func (b *Board) read(ctx context.Context, k KPI, q Query, now time.Time) (Report, error) {
	r, err := k.resolve(q, now)
	if err != nil {
		return Report{}, prefix(err)
	}
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	report := Report{
		KPI: k, Tenant: q.Tenant, Grain: r.query.Grain, Zone: r.query.Zone, Freshness: Freshness{AsOf: now},
	}
	answers, err := r.ask(ctx, b.store)
	if err != nil {
		return Report{}, err
	}
	for _, a := range answers {
		if a.Newest.After(report.Freshness.Newest) {
			report.Freshness.Newest = a.Newest
		}
		report.Freshness.Pending = max(report.Freshness.Pending, a.Pending)
	}
	if report.Points, report.Total, err = r.points(answers); err != nil {
		return Report{}, err
	}
	return report, nil
}

// ask puts the questions to the store: one, or of a ratio two.
func (r reading) ask(ctx context.Context, s Store) ([]Cells, error) {
	if q, ok := r.scan(); ok {
		cells, err := s.Scan(ctx, q)
		return []Cells{cells}, err
	}
	var answers []Cells
	for _, q := range r.cells() {
		cells, err := s.Cells(ctx, q)
		if err != nil {
			return nil, err
		}
		answers = append(answers, cells)
	}
	return answers, nil
}

func (r reading) scan() (ScanQuery, bool) {
	q := ScanQuery{
		Unique: r.kpi.Unique, Cohort: r.kpi.Cohort, Funnel: r.kpi.Funnel,
		Tenant: r.query.Tenant, Edges: r.edges, Split: r.query.Split,
	}
	return q, q.Unique != nil || q.Cohort != nil || q.Funnel != nil
}

func (r reading) cells() []CellQuery {
	var queries []CellQuery
	for _, m := range r.kpi.Measures() {
		queries = append(queries, CellQuery{Measure: m, Tenant: r.query.Tenant, Edges: r.edges, Split: r.query.Split})
	}
	return queries
}

// points makes the figures of the cells.
func (r reading) points(answers []Cells) ([]Point, Point, error) {
	of := answers[0].Cells
	var per []Cell
	if len(answers) > 1 {
		per = answers[1].Cells
	}
	var points []Point
	var total, totalPer Cell
	for _, p := range r.places(of) {
		cell, under := cellAt(of, p), cellAt(per, p)
		point := r.figure(cell, under)
		point.Group, point.Start, point.End = p.group, r.edges[p.period], r.edges[p.period+1]
		point.Date, point.Immature = r.frame.date(point.Start), r.immature(point.End, r.kpi.waits())
		r.matureAges(&point)
		points = append(points, point)
		if !point.Immature && (!total.add(cell) || !totalPer.add(under)) {
			return nil, Point{}, ErrSum
		}
	}
	all := r.figure(total, totalPer)
	all.Start, all.End = r.edges[0], r.edges[len(r.edges)-1]
	all.Date, all.Median, all.P90 = r.frame.date(all.Start), 0, 0
	return points, all, nil
}

// places are the periods and groups that have a point.
func (r reading) places(cells []Cell) []place {
	var places []place
	if r.query.Split && r.kpi.Ratio == nil {
		for _, c := range cells {
			places = append(places, place{c.Period, c.Group})
		}
		return places
	}
	for i := range len(r.edges) - 1 {
		places = append(places, place{period: i})
	}
	return places
}

func cellAt(cells []Cell, p place) Cell {
	i, found := slices.BinarySearchFunc(cells, p, func(c Cell, p place) int {
		if c.Period != p.period {
			return c.Period - p.period
		}
		return strings.Compare(c.Group, p.group)
	})
	if !found {
		return Cell{Period: p.period, Group: p.group}
	}
	return cells[i]
}

// add adds o to c, and says false when the sum does not fit.
func (c *Cell) add(o Cell) (fits bool) {
	c.Count, c.Numbers, c.Converted, c.Took = c.Count+o.Count, c.Numbers+o.Numbers, c.Converted+o.Converted, c.Took+o.Took
	c.Sum, fits = c.Sum.Plus(o.Sum)
	for i, n := range o.Reached {
		if i == len(c.Reached) {
			c.Reached = append(c.Reached, 0)
		}
		c.Reached[i] += n
	}
	return fits
}

// date names the period that begins at t.
func (f frame) date(t time.Time) string {
	if f.grain == Hourly {
		return t.In(f.zone).Format("2006-01-02T15:04Z07:00")
	}
	return t.In(f.zone).Format(time.DateOnly)
}

// waits returns how long after its end a period is still open.
func (k KPI) waits() Duration {
	switch {
	case k.Conversion != nil:
		return k.Conversion.Window
	case k.Cohort != nil:
		return k.Cohort.Window
	case k.Funnel != nil:
		return k.Funnel.Window
	}
	return 0
}

func (r reading) immature(end time.Time, waits Duration) bool {
	return end.Add(time.Duration(waits)).After(r.now)
}

// matureAges marks the ages of a cohort that some of its subjects have not reached the end of.
func (r reading) matureAges(p *Point) {
	for i := range p.Ages {
		p.Ages[i].Immature = r.immature(p.End, r.kpi.Cohort.every()*Duration(i+1))
	}
}
