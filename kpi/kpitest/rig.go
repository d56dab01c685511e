package kpitest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/kpi"
)

// noon is when rules begin: all zones of the suite have changed their clocks in the month before.
var noon = time.Date(2026, 4, 8, 12, 0, 0, 0, time.UTC)

// rig drives a store at times that it chooses.
type rig struct {
	t     *testing.T
	store kpi.Store
	heard *ears // nil where nothing is told
	now   time.Time
}

func newRig(t *testing.T, store kpi.Store, heard *ears) *rig {
	t.Helper()
	return &rig{t: t, store: store, heard: heard, now: noon}
}

func (r *rig) ctx() context.Context { return r.t.Context() }

// clocked gives a store the rig's time.
type clocked struct {
	kpi.Store
	now time.Time
}

func (c clocked) Clock(context.Context) (time.Time, error) { return c.now, nil }

// Quarantined passes on what the store may do beside.
func (c clocked) Quarantined(ctx context.Context, q kpi.AsideQuery) ([]kpi.Aside, error) {
	return c.Store.(kpi.Asides).Quarantined(ctx, q)
}

// Release passes on what the store may do beside.
func (c clocked) Release(ctx context.Context, tenant, id string) (kpi.Aside, error) {
	return c.Store.(kpi.Asides).Release(ctx, tenant, id)
}

// board and tracker are of the rig's present time, as another process would have them.
func (r *rig) board() *kpi.Board {
	return kpi.NewBoard(clocked{r.store, r.now}, &kpi.BoardOptions{Timeout: time.Minute})
}

func (r *rig) tracker() *kpi.Tracker { return r.trackerWith(kpi.TrackerOptions{}) }

func (r *rig) trackerWith(o kpi.TrackerOptions) *kpi.Tracker {
	o.Timeout = time.Minute
	return kpi.NewTracker(clocked{r.store, r.now}, &o)
}

// later moves the time on.
func (r *rig) later(d time.Duration) { r.now = r.now.Add(d) }

func (r *rig) define(kpis ...kpi.KPI) {
	r.t.Helper()
	r.must(r.board().Define(r.ctx(), kpis...))
}

func (r *rig) track(events ...kpi.Event) []kpi.Receipt {
	r.t.Helper()
	r.later(time.Millisecond) // so that ids follow the order of the calls
	receipts, err := r.tracker().Track(r.ctx(), events...)
	r.must(err)
	return receipts
}

func (r *rig) read(q kpi.Query) kpi.Report {
	r.t.Helper()
	report, err := r.board().Read(r.ctx(), q)
	r.must(err)
	return report
}

// fold makes rollups where the store has any.
func (r *rig) fold() {
	r.t.Helper()
	if f, ok := r.store.(Folder); ok {
		r.must(f.Fold(r.ctx()))
	}
}

// verify fails when rollups differ from the events.
func (r *rig) verify() {
	r.t.Helper()
	if k, ok := r.store.(kpi.Keeper); ok {
		drifts, err := k.Verify(r.ctx())
		r.must(err)
		if len(drifts) > 0 {
			r.t.Fatalf("%d rollups differ: %+v", len(drifts), drifts[0])
		}
	}
}

func (r *rig) rebuild() {
	r.t.Helper()
	if k, ok := r.store.(kpi.Keeper); ok {
		r.must(k.Rebuild(r.ctx()))
	}
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// fails fails unless err is of the class.
func (r *rig) fails(what string, err, class error) {
	r.t.Helper()
	if !errors.Is(err, class) {
		r.t.Fatalf("%s: error %v, want %v", what, err, class)
	}
}

// outcomes returns what became of events.
func outcomes(receipts []kpi.Receipt) []kpi.Outcome {
	var all []kpi.Outcome
	for _, r := range receipts {
		all = append(all, r.Outcome)
	}
	return all
}

// soak says whether long loops run in full.
func soak() bool { return os.Getenv("TENON_SOAK") != "" }

// random returns a source that a failure can be repeated with.
func (r *rig) random() *rand.Rand {
	seed := uint64(1)
	if soak() {
		seed = uint64(time.Now().UnixNano())
	}
	r.t.Cleanup(func() {
		if r.t.Failed() {
			r.t.Logf("the seed was %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 2))
}

// ears hear what a store tells.
type ears struct{ conform.Ears }

// take returns what was told since it was asked last: the KPI, and what became of its goal.
func (e *ears) take() []string {
	news := []string{}
	for _, n := range e.Told() {
		news = append(news, fmt.Sprint(n.Data["kpi"], " ", n.Data["state"]))
	}
	return news
}

// actions returns what was recorded since it was asked last.
func (e *ears) actions() []string {
	actions := []string{}
	for _, c := range e.Changes() {
		actions = append(actions, c.Action+" "+c.Target)
	}
	return actions
}
