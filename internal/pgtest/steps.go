package pgtest

import (
	"context"
	"time"

	"github.com/transbotai/tenon/internal/conform"
)

// Faults are all that can become of a statement: it was refused, it never arrived, or its answer was lost.
func Faults() []Fault { return []Fault{Fail, CutBefore, CutAfter} }

// InTurn are the faults for work whose steps suffer one each, the next step the next: a third of the work of [Faults], which
// each step suffers where the long loops were asked for. Works that begin with others suffer others at the same step.
func InTurn(begin int) func(step int) []Fault {
	if conform.Soak() {
		return Always(Faults()...)
	}
	return func(step int) []Fault { return Faults()[(begin+step)%len(Faults()):][:1] }
}

// Always are the same faults for every step.
func Always(faults ...Fault) func(step int) []Fault { return func(int) []Fault { return faults } }

// maxSteps is more than any work takes: a fault that never stops to fire is a defect of the test.
const maxSteps = 120

// EveryStep breaks work at its first step, at its second, and so on until there is none left, by each of the step's
// faults. try does the work on a [Faulty], compares what it came to, and returns whether the fault has fired.
func EveryStep(t TB, faults func(step int) []Fault, try func(step int, fault Fault) (fired bool)) {
	t.Helper()
	for step := 1; ; step++ {
		fired := false
		for _, fault := range faults(step) {
			fired = try(step, fault) || fired
		}
		if !fired && step > 1 {
			return
		}
		if !fired || step >= maxSteps {
			t.Fatalf("pgtest: the fault at step %d: fired %v", step, fired)
		}
	}
}

// Try does the work again until it succeeds, three times at most, as a caller does. It must not fail before the fault.
// Before it is tried again the server has noticed which connection is gone: what that one had locked, workers that skip
// locked rows would leave out.
func (f *Faulty) Try(t TB, work func() error) {
	t.Helper()
	err := work()
	for tries := 0; err != nil && f.Fired() && tries < 3; tries++ {
		f.awaitLoss(t)
		err = work()
	}
	if err != nil {
		t.Fatalf("%s at step %d of %d: %v", f.fault, f.at, f.Steps(), err)
	}
}

// awaitLoss waits until the server has ended the process whose connection was cut.
func (f *Faulty) awaitLoss(t TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for there := f.lost.Load() != 0; there; {
		const sql = "select exists (select from pg_stat_activity where pid = $1)"
		if err := f.handle.QueryRow(ctx, sql, int64(f.lost.Load())).Scan(&there); err != nil {
			t.Fatalf("pgtest: %v", err)
		}
		pause(ctx, time.Millisecond)
	}
}
