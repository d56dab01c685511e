package slotest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/slo"
)

// noon is when rules begin.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// rig drives a store at times that it chooses.
type rig struct {
	t     *testing.T
	store slo.Store
	heard *ears // nil where nothing is told
	now   time.Time
	opts  *slo.Options
}

func newRig(t *testing.T, store slo.Store, heard *ears) *rig {
	t.Helper()
	return &rig{t: t, store: store, heard: heard, now: noon, opts: &slo.Options{Timeout: time.Minute}}
}

func (r *rig) ctx() context.Context { return r.t.Context() }

// clocked gives a store the rig's time.
type clocked struct {
	slo.Store
	now time.Time
}

func (c clocked) Clock(context.Context) (time.Time, error) { return c.now, nil }

// Episodes passes on what the store may do beside.
func (c clocked) Episodes(ctx context.Context, since time.Time, limit int) ([]slo.Episode, error) {
	return c.Store.(slo.Historian).Episodes(ctx, since, limit)
}

// board returns a board of the rig's present time, as another process would have it.
func (r *rig) board() *slo.Board { return slo.NewBoard(clocked{r.store, r.now}, r.opts) }

func (r *rig) policy() *slo.ReleasePolicy { return slo.NewReleasePolicy(r.board()) }

// later moves the time on.
func (r *rig) later(d time.Duration) { r.now = r.now.Add(d) }

// uptime is 99.9 % over 24 hours, whatever the traffic.
func uptime() slo.Objective {
	return slo.Objective{
		Key: slo.Key{Name: "uptime"}, Kind: slo.Ratio, Target: 999_000, Window: slo.Window{Length: 24 * time.Hour},
		Traffic: slo.Traffic{MinEvents: -1, MinBad: -1},
	}
}

// quick is 95 % within 500 ms over an hour.
func quick() slo.Objective {
	return slo.Objective{
		Key: slo.Key{Name: "quick"}, Kind: slo.Latency, Target: 950_000, Threshold: 500 * time.Millisecond,
		Window: slo.Window{Length: time.Hour}, Traffic: slo.Traffic{MinEvents: -1, MinBad: -1},
	}
}

// define declares objectives some time ago, so that their absence alerts are armed.
func (r *rig) define(objectives ...slo.Objective) []slo.Objective {
	r.t.Helper()
	stored, err := slo.NewBoard(clocked{r.store, r.now.Add(-31 * 24 * time.Hour)}, r.opts).Define(r.ctx(), objectives...)
	r.must(err)
	return stored
}

func (r *rig) evaluate() slo.Report {
	r.t.Helper()
	report, err := r.board().Evaluate(r.ctx())
	r.must(err)
	return report
}

// minute makes counts of the objective, d before the rig's time.
func (r *rig) minute(o slo.Objective, ago time.Duration, good, valid int64) slo.Minute {
	return slo.Minute{
		Key: o.Key, Measure: o.Measure(), At: r.now.Add(-ago).Truncate(time.Minute), Instance: "one", Good: good, Valid: valid,
		Closed: true,
	}
}

func (r *rig) record(minutes ...slo.Minute) {
	r.t.Helper()
	r.must(r.store.Record(r.ctx(), minutes))
}

// span is the minutes of the objective in the time before the rig's.
func (r *rig) span(o slo.Objective, back time.Duration) slo.Span {
	return slo.Span{Key: o.Key, Measure: o.Measure(), From: r.now.Add(-back), To: r.now, Slice: o.Slice}
}

// counts fails unless the span counts so.
func (r *rig) counts(what string, span slo.Span, want slo.Count) {
	r.t.Helper()
	got, err := r.store.Count(r.ctx(), []slo.Span{span})
	r.must(err)
	conform.Equal(r.t, what, got, []slo.Count{want})
}

func (r *rig) load() *slo.State {
	r.t.Helper()
	s, err := r.store.Load(r.ctx())
	r.must(err)
	return s
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

// refuses fails unless err is a [tenon.ErrInvalid] that names the field.
func (r *rig) refuses(field string, err error) {
	r.t.Helper()
	var wrong *tenon.FieldError
	if !errors.Is(err, tenon.ErrInvalid) || !errors.As(err, &wrong) || wrong.Field != field {
		r.t.Fatalf("error %v, want one that names %s", err, field)
	}
}

// ears hear what a store tells.
type ears struct{ conform.Ears }

// take returns what was told since it was asked last: kind, objective, alert, signal and state.
func (e *ears) take() []string {
	news := []string{}
	for _, n := range e.Told() {
		words := []string{n.Kind, n.Data["objective"] + n.Data["objectives"], n.Data["alert"], n.Data["signal"], n.Data["state"]}
		news = append(news, strings.Join(strings.Fields(strings.Join(words, " ")), " "))
	}
	return news
}

// actions returns what was recorded since it was asked last.
func (e *ears) actions() []string {
	actions := []string{}
	for _, c := range e.Changes() {
		actions = append(actions, c.Action)
	}
	return actions
}

// hears fails unless this is all that was told since it was asked last.
func (r *rig) hears(want ...string) {
	r.t.Helper()
	conform.Equal(r.t, "what was told", r.heard.take(), append([]string{}, want...))
}
