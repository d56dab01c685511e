package flags

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/flags"
)

const (
	nearLoops = 4_000_000 // of what takes nanoseconds
	peerLoops = 100_000   // of what takes more
)

// way is one way to evaluate. Loop asks for the flags of a case in turn, n times.
type way struct {
	name  string
	loops int
	ask   evaluate
	loop  func(c int) func(goroutine, n int) (on int)
}

// turn is which flag and tenant come next.
type turn struct{ key, keys, tenant int }

func (t *turn) next() {
	t.tenant = (t.tenant + 1) & (tenantCount - 1)
	if t.key++; t.key == t.keys {
		t.key = 0
	}
}

// ways returns everybody: tenon first, then the floor, then tenon by key, then the peers.
func ways(ctx context.Context) ([]way, func() error, error) {
	set, err := loaded(ctx)
	if err != nil {
		return nil, nil, err
	}
	darkly, stop, err := launchDarkly()
	if err != nil {
		return nil, nil, err
	}
	book, err := growthBook(ctx)
	if err != nil {
		return nil, stop, err
	}
	memory, err := inMemory(ctx)
	if err != nil {
		return nil, stop, err
	}
	return []way{typed(set), bare(), byKey(set), peer("LaunchDarkly", darkly), peer("GrowthBook", book), peer("OpenFeature in memory", memory)}, stop, nil
}

// typed asks by variables, as code does.
func typed(set *flags.Set) way {
	asked, all := map[string]*flags.BoolFlag{}, askers()
	inTurn := make([][]*flags.BoolFlag, len(cases))
	for i, c := range cases {
		for _, key := range c.keys {
			asked[key] = flags.Bool(key, false)
			inTurn[i] = append(inTurn[i], asked[key])
		}
	}
	return way{"tenon", nearLoops, func(key string, i int) bool { return asked[key].OnFor(set, &all[i]) }, func(c int) func(int, int) int {
		these := inTurn[c]
		return func(goroutine, n int) (on int) {
			t := turn{keys: len(these), tenant: goroutine * 257 % tenantCount}
			for range n {
				if these[t.key].OnFor(set, &all[t.tenant]) {
					on++
				}
				t.next()
			}
			return on
		}
	}}
}

func bare() way {
	f, all := newFloor(), subjects()
	return way{"floor", nearLoops, func(key string, i int) bool { return f.on(key, &all[i], false) }, func(c int) func(int, int) int {
		these := cases[c].keys
		return func(goroutine, n int) (on int) {
			t := turn{keys: len(these), tenant: goroutine * 257 % tenantCount}
			for range n {
				if f.on(these[t.key], &all[t.tenant], false) {
					on++
				}
				t.next()
			}
			return on
		}
	}}
}

// byKey asks by a key that is known only then, and for the whole detail, as an adapter does.
func byKey(set *flags.Set) way {
	all := askers()
	return peerOf("tenon by key, with detail", nearLoops/5, func(key string, i int) bool {
		return set.EvaluateAs(flags.TypeBool, key, &all[i]).Value == true
	})
}

func peer(name string, ask evaluate) way { return peerOf(name, peerLoops, ask) }

func peerOf(name string, loops int, ask evaluate) way {
	return way{name, loops, ask, func(c int) func(int, int) int {
		these := cases[c].keys
		return func(goroutine, n int) (on int) {
			t := turn{keys: len(these), tenant: goroutine * 257 % tenantCount}
			for range n {
				if ask(these[t.key], t.tenant) {
					on++
				}
				t.next()
			}
			return on
		}
	}}
}

// verify says whether the way gives the right answers.
func (w *way) verify(exact bool) error {
	for i := range tenantCount {
		if !w.ask("on", i) || !w.ask("rule", i) {
			return fmt.Errorf("%s of tenant %d: %w", w.name, i, errWrong)
		}
	}
	for _, key := range append([]string{"rollout"}, manyKeys[:50]...) {
		n := 0
		for i, tenant := range tenants {
			on := w.ask(key, i)
			if on {
				n++
			}
			if exact && on != (flags.Bucket(flags.Hash(key, tenant), 100) < percent) {
				return fmt.Errorf("%s, %s of %s: %w", w.name, key, tenant, errWrong)
			}
		}
		if n < tenantCount/20 || n > tenantCount/6 {
			return fmt.Errorf("%s, %s: on for %d of %d: %w", w.name, key, n, tenantCount, errWrong)
		}
	}
	return nil
}

func compareEvaluation(ctx context.Context, l *lab.Lab, s *report.Section) error {
	all, stop, err := ways(ctx)
	if err != nil {
		return err
	}
	t := report.Table{
		Title: "Evaluation, in memory",
		Text:  "One evaluation, from call to return, also in parallel.",
	}
	for i := range all {
		if err := all[i].verify(i == 0 || i == 2); err != nil {
			return err
		}
		t.Columns = append(t.Columns, all[i].name)
	}
	for c := range cases {
		for _, goroutines := range []int{1, runtime.GOMAXPROCS(0)} {
			if err := compareCase(ctx, l, s, &t, all, c, goroutines); err != nil {
				return err
			}
		}
	}
	s.Tables = append(s.Tables, t)
	return stop()
}

func compareCase(ctx context.Context, l *lab.Lab, s *report.Section, t *report.Table, all []way, c, goroutines int) error {
	name, kind := cases[c].name, "serial"
	if goroutines > 1 {
		kind = "parallel"
		name += fmt.Sprintf(", %d goroutines", goroutines)
	}
	l.Say("flags: %s", name)
	var allocs measure.Series
	contenders := make([]measure.Contender, len(all))
	for i, w := range all {
		loop := w.loop(c)
		contenders[i] = func(context.Context) (float64, error) {
			cost := measure.Loop(goroutines, l.Size(w.loops), loop)
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
	ratio := report.Row{
		Case:   name + ": tenon over the floor",
		Figure: report.Over(series[0], series[1]),
		Target: report.Target{Bound: report.AtMost, Value: 2},
	}
	none := make([]string, len(all))
	for i, one := range series {
		ratio.Cells = append(ratio.Cells, report.Spread(one, report.Nanoseconds))
		s.Samples = append(s.Samples, report.Sample{
			Name: slug("evaluate/" + cases[c].name + "/" + kind + "/" + all[i].name), Unit: report.Nanoseconds, Series: one,
		})
	}
	t.Rows = append(t.Rows, ratio, report.Row{
		Case: name + ": allocations", Figure: report.Figure{Value: wholeAllocs(allocs.Median()), Unit: report.Allocs},
		Target: report.Target{Bound: report.AtMost, Value: 0}, Cells: none,
	})
	return nil
}

// slug leaves out what benchstat takes for the end of a name.
func slug(name string) string {
	return strings.NewReplacer(" ", "_", ",", "", "%", "percent").Replace(name)
}

// wholeAllocs rounds as package testing does: a handful in millions of calls is the timer's.
func wholeAllocs(perCall float64) float64 {
	if perCall < 0.001 {
		return 0
	}
	return perCall
}
