package entitlements

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/entitlements"
)

const (
	checkTenants  = 1000
	checkFeatures = 50
	questions     = 1 << 16 // asked in turn; a power of two
	checkLoops    = 4_000_000
)

type question struct{ tenant, feature string }

// oracle answers the same questions in three ways.
type oracle struct {
	gate      *entitlements.Gate
	flat      map[question]entitlements.Decision
	nested    map[string]map[string]entitlements.Decision
	questions []question
	world     *world
}

// newOracle asks the gate everything once, so that its views are in memory, and fills the maps with the answers.
// Views stay fresh for an hour: who brings them up to date is measured apart.
func newOracle(ctx context.Context, store entitlements.Store, maxAge time.Duration) (*oracle, error) {
	gate := entitlements.NewGate(store, &entitlements.Options{MaxAge: maxAge})
	w, err := newWorld(ctx, gate, checkTenants, checkFeatures)
	if err != nil {
		return nil, err
	}
	o := &oracle{world: w, gate: gate, flat: map[question]entitlements.Decision{}, nested: map[string]map[string]entitlements.Decision{}}
	for _, tenant := range w.tenants {
		o.nested[tenant] = map[string]entitlements.Decision{}
		for _, feature := range w.features {
			d, err := gate.Check(ctx, tenant, feature)
			if err != nil {
				return nil, err
			}
			d.Age = 0
			o.flat[question{tenant, feature}], o.nested[tenant][feature] = d, d
		}
	}
	o.ask(arrived(w.tenants), arrived(w.features))
	return o, nil
}

func (o *oracle) ask(tenants, features []string) {
	random := rand.New(rand.NewPCG(1, 2))
	o.questions = make([]question, questions)
	for i := range o.questions {
		o.questions[i] = question{tenants[random.IntN(len(tenants))], features[random.IntN(len(features))]}
	}
}

// verify says whether all three give the same answer to every question.
func (o *oracle) verify(ctx context.Context) error {
	for _, q := range o.questions {
		d, err := o.gate.Check(ctx, q.tenant, q.feature)
		d.Age = 0
		if err != nil || !d.Allowed || d != o.flat[q] || d != o.nested[q.tenant][q.feature] {
			return fmt.Errorf("check of %v: %+v, the map has %+v: %w", q, d, o.flat[q], err)
		}
	}
	return nil
}

// part is n operations of one goroutine.
type part func(goroutine, n int) (allowed int)

func (o *oracle) check(ctx context.Context) part {
	return func(goroutine, n int) (allowed int) {
		for i := range n {
			q := &o.questions[(goroutine*7919+i)%questions]
			if d, err := o.gate.Check(ctx, q.tenant, q.feature); err == nil && d.Allowed {
				allowed++
			}
		}
		return allowed
	}
}

func (o *oracle) lookUp(goroutine, n int) (allowed int) {
	for i := range n {
		q := &o.questions[(goroutine*7919+i)%questions]
		if d, ok := o.flat[*q]; ok && d.Allowed {
			allowed++
		}
	}
	return allowed
}

func (o *oracle) lookUpTwice(goroutine, n int) (allowed int) {
	for i := range n {
		q := &o.questions[(goroutine*7919+i)%questions]
		if d, ok := o.nested[q.tenant][q.feature]; ok && d.Allowed {
			allowed++
		}
	}
	return allowed
}

func compareCheck(ctx context.Context, l *lab.Lab, s *report.Section) error {
	o, err := newOracle(ctx, entitlements.NewMemoryStore(nil), time.Hour)
	if err != nil {
		return err
	}
	if err := o.verify(ctx); err != nil {
		return err
	}
	t := report.Table{
		Title:   "Check, in memory",
		Text:    fmt.Sprintf("%d tenants × %d features, in random order, the strings elsewhere in memory than the keys. A time is from call to return, also in parallel. A map that does nothing but look the answer up takes longer than the target too: most of the time is the way to memory, and the last rows show what is left where memory is near.", checkTenants, checkFeatures),
		Columns: []string{"tenon", "map of {tenant, feature}", "map of maps"},
	}
	for _, c := range []struct {
		name       string
		goroutines int
	}{{"serial", 1}, {"parallel", runtime.GOMAXPROCS(0)}} {
		l.Say("entitlements: check, %s", c.name)
		if err := o.compare(ctx, l, s, &t, c.name, c.goroutines); err != nil {
			return err
		}
	}
	if err := compareRefreshed(ctx, l, o, &t); err != nil {
		return err
	}
	if err := compareNear(ctx, l, o, &t); err != nil {
		return err
	}
	s.Tables = append(s.Tables, t)
	return nil
}

func (o *oracle) compare(ctx context.Context, l *lab.Lab, s *report.Section, t *report.Table, name string, goroutines int) error {
	var allocs measure.Series
	ways := []part{o.check(ctx), o.lookUp, o.lookUpTwice}
	contenders := make([]measure.Contender, len(ways))
	for i, way := range ways {
		contenders[i] = func(context.Context) (float64, error) {
			cost := measure.Loop(goroutines, l.Size(checkLoops), way)
			if i == 0 {
				allocs = append(allocs, cost.Allocs)
			}
			return cost.Nanoseconds, nil
		}
	}
	series, err := measure.Interleave(ctx, l.Rounds, contenders...)
	if err != nil {
		return err
	}
	for i, way := range []string{"tenon", "map", "maps"} {
		s.Samples = append(s.Samples, report.Sample{Name: "check/" + name + "/" + way, Unit: report.Nanoseconds, Series: series[i]})
	}
	if goroutines > 1 {
		name = fmt.Sprintf("%s, %d goroutines", name, goroutines)
	}
	t.Rows = append(t.Rows, checkRows(name, series, allocs)...)
	return o.verify(ctx)
}

func checkRows(name string, series []measure.Series, allocs measure.Series) []report.Row {
	none := []string{"", "", ""}
	return []report.Row{
		{
			Case:   name + ": tenon over the map",
			Figure: report.Over(series[0], series[1]),
			Target: report.Target{Bound: report.AtMost, Value: 8},
			Cells: []string{
				report.Spread(series[0], report.Nanoseconds), report.Spread(series[1], report.Nanoseconds),
				report.Spread(series[2], report.Nanoseconds),
			},
		},
		{
			Case:   name + ": time",
			Figure: report.Figure{Value: series[0].Median(), Unit: report.Nanoseconds},
			Target: report.Target{Bound: report.AtMost, Value: 100},
			Cells:  none,
		},
		{
			Case:   name + ": allocations",
			Figure: report.Figure{Value: wholeAllocs(allocs.Median()), Unit: report.Allocs},
			Target: report.Target{Bound: report.AtMost, Value: 0},
			Cells:  none,
		},
	}
}

// wholeAllocs rounds as package testing does: a handful in millions of calls is the timer's.
func wholeAllocs(perCall float64) float64 {
	if perCall < 0.001 {
		return 0
	}
	return perCall
}

// compareRefreshed measures the same while Run loads every view again each second, as in a service.
func compareRefreshed(ctx context.Context, l *lab.Lab, o *oracle, t *report.Table) error {
	l.Say("entitlements: check, refreshed")
	running, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- o.gate.Run(running) }()
	var series measure.Series
	for range l.Rounds {
		series = append(series, measure.Loop(1, 4*l.Size(checkLoops), o.check(ctx)).Nanoseconds)
	}
	cancel()
	t.Rows = append(t.Rows, report.Row{
		Case:   "serial, while Run refreshes all of it each second",
		Figure: report.Figure{Value: series.Median(), Unit: report.Nanoseconds},
		Cells:  []string{report.Spread(series, report.Nanoseconds), "", ""},
	})
	return <-ended
}

const nearTenants = 10

// compareNear asks about few tenants, whose answers the processor keeps near: what is left is the work itself.
func compareNear(ctx context.Context, l *lab.Lab, o *oracle, t *report.Table) error {
	o.ask(arrived(o.world.tenants[:nearTenants]), arrived(o.world.features))
	var contenders []measure.Contender
	for _, way := range []part{o.check(ctx), o.lookUp, o.lookUpTwice, readClock} {
		contenders = append(contenders, func(context.Context) (float64, error) {
			return measure.Loop(1, l.Size(checkLoops), way).Nanoseconds, nil
		})
	}
	series, err := measure.Interleave(ctx, l.Rounds, contenders...)
	if err != nil {
		return err
	}
	row := report.Row{
		Case:   fmt.Sprintf("serial, of %d of the tenants, so that memory is near", nearTenants),
		Figure: report.Figure{Value: series[0].Median(), Unit: report.Nanoseconds},
	}
	for _, s := range series[:3] {
		row.Cells = append(row.Cells, report.Spread(s, report.Nanoseconds))
	}
	clock := report.Row{
		Case:   "of this, the machine's clock alone, which tells how old the answer is",
		Figure: report.Figure{Value: series[3].Median(), Unit: report.Nanoseconds},
		Cells:  []string{report.Spread(series[3], report.Nanoseconds), "", ""},
	}
	t.Rows = append(t.Rows, row, clock)
	return o.verify(ctx)
}

// readClock is what every check has to do and no map does.
func readClock(_, n int) (passed int) {
	start := time.Now()
	for range n {
		if time.Since(start) >= 0 {
			passed++
		}
	}
	return passed
}
