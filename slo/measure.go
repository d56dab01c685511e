package slo

import (
	"context"
	"math"
	"time"

	"github.com/transbotai/tenon"
)

// displayed is how far back quantiles for display reach: an hour, or the window when that is shorter.
const displayed = time.Hour

// Current returns how all objectives do now. It changes nothing and tells nobody; see [Board.Evaluate].
func (b *Board) Current(ctx context.Context) (Report, error) {
	r, _, err := b.report(ctx)
	if err != nil {
		return Report{}, err
	}
	return r, b.addLatencies(ctx, r)
}

// report counts every window of every objective in one call of the store.
func (b *Board) report(ctx context.Context) (Report, *State, error) {
	now, err := b.now(ctx)
	if err != nil {
		return Report{}, nil, err
	}
	state, err := b.load(ctx)
	if err != nil {
		return Report{}, nil, err
	}
	q := &questions{now: now, exclusions: state.Exclusions}
	for _, o := range state.Objectives {
		q.ask(o)
	}
	if err := b.count(ctx, q); err != nil {
		return Report{}, nil, err
	}
	r := Report{At: now, Freeze: state.Freeze, Override: state.override(now)}
	for _, o := range state.Objectives {
		s := q.answer(o)
		for _, e := range state.Episodes {
			if e.Key == o.Key {
				s.Alerts = append(s.Alerts, e)
			}
		}
		r.Statuses = append(r.Statuses, s)
	}
	return r, state, nil
}

func (b *Board) count(ctx context.Context, q *questions) (err error) {
	if len(q.spans) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	q.counts, err = b.store.Count(ctx, q.spans)
	return err
}

// override returns the one in force that ends last.
func (s *State) override(now time.Time) *Override {
	var last *Override
	for i := range s.Overrides {
		if o := &s.Overrides[i]; o.active(now) && (last == nil || o.Until.After(last.Until)) {
			last = o
		}
	}
	return last
}

// questions are the windows of all objectives, asked together, equal ones once. Answers are taken in the order of the
// questions.
type questions struct {
	now        time.Time
	exclusions []Exclusion
	spans      []Span
	parts      []part // of one question: it has as many spans as exclusions leave
	begun      int    // the first part of the present objective
	counts     []Count
	answered   int
}

type part struct {
	from     time.Time
	first, n int
	excluded time.Duration
}

func (q *questions) ask(o Objective) {
	q.begun = len(q.parts)
	q.window(o, o.Window.From(q.now))
	q.back(o, forecastOver(o))
	silence, _ := q.silence(o)
	q.window(o, silence.Truncate(time.Minute))
	for _, t := range o.EffectiveTiers() {
		q.back(o, t.Long)
		q.back(o, t.Short)
	}
}

func (q *questions) back(o Objective, d time.Duration) {
	q.window(o, q.now.Add(-d).Truncate(time.Minute))
}

// stretches bounds how often silence looks further back.
const stretches = 64

// silence returns since when the objective's Absence has passed, what was excluded not counted in, and false when it has
// none, or exclusions leave no such time. Otherwise maintenance each night would hide for ever that nothing is counted.
func (q *questions) silence(o Objective) (from time.Time, ok bool) {
	missing := o.absence()
	if missing <= 0 {
		return q.now, false
	}
	from = q.now
	for range stretches {
		from, missing = from.Add(-missing), o.absence()
		for _, w := range exclude(interval{from, q.now}, o.Key, q.exclusions) {
			missing -= w.to.Sub(w.from)
		}
		if missing <= 0 {
			return from, true
		}
	}
	return q.now, false
}

func (q *questions) window(o Objective, from time.Time) {
	for i := len(q.parts) - 1; i >= q.begun; i-- {
		if q.parts[i].from.Equal(from) {
			q.parts = append(q.parts, q.parts[i])
			return
		}
	}
	p, span := part{first: len(q.spans), from: from}, Span{Key: o.Key, Measure: o.Measure(), Slice: o.Slice}
	whole := interval{from, q.now}
	p.excluded = whole.to.Sub(whole.from)
	for _, w := range exclude(whole, o.Key, q.exclusions) {
		span.From, span.To = w.from, w.to
		q.spans, p.n = append(q.spans, span), p.n+1
		p.excluded -= w.to.Sub(w.from)
	}
	q.parts = append(q.parts, p)
}

// next returns the answer to the next question.
func (q *questions) next() (c Count, excluded time.Duration) {
	p := q.parts[q.answered]
	q.answered++
	for _, part := range q.counts[p.first : p.first+p.n] {
		c = c.plus(part)
	}
	return c, p.excluded
}

func (q *questions) answer(o Objective) Status {
	s := Status{Objective: o, At: q.now, From: o.Window.From(q.now)}
	s.Count, s.Excluded = q.next()
	s.Health, s.Current = o.health(s.Count), s.Count.Ratio()
	s.Allowed = float64(s.Count.Valid) * float64(o.Target.left()) / float64(Whole)
	s.Consumed = s.Count.Burn(o.Target)
	s.Remaining = 1 - s.Consumed
	recent, _ := q.next()
	s.Forecast = forecast(o, s, recent)
	heard, _ := q.next()
	silence, long := q.silence(o)
	s.heard, s.silent = heard.Valid > 0, long && heard.Valid == 0 && !silence.Before(o.Since)
	for _, t := range o.EffectiveTiers() {
		burn := Burn{Tier: t}
		burn.Long, _ = q.next()
		burn.Short, _ = q.next()
		burn.Firing = o.enough(burn.Long) &&
			burn.Long.CompareBurn(o.Target, t.Burn) > 0 && burn.Short.CompareBurn(o.Target, t.Burn) > 0
		s.Burns = append(s.Burns, burn)
	}
	return s
}

// forecastOver is a 24th of the window, at least 5 minutes, but not more than the window.
func forecastOver(o Objective) time.Duration {
	period := o.Window.Period()
	return min(max(period/24, 5*time.Minute), period).Truncate(time.Minute)
}

func forecast(o Objective, s Status, recent Count) Forecast {
	f := Forecast{Over: forecastOver(o), Rate: recent.Burn(o.Target)}
	if f.Rate == 0 || s.Count.Valid == 0 {
		return f
	}
	left := max(s.Remaining, 0) * float64(o.Window.Period()) / f.Rate
	if math.IsNaN(left) || left > float64(o.Window.Period()) {
		return f
	}
	f.Exhausts = s.At.Add(time.Duration(left)).Truncate(time.Microsecond)
	return f
}

func (b *Board) addLatencies(ctx context.Context, r Report) error {
	var spans []Span
	var of []*Status
	for i := range r.Statuses {
		s := &r.Statuses[i]
		if o := s.Objective; o.Threshold > 0 {
			back := min(o.Window.Period(), displayed)
			spans = append(spans, Span{Key: o.Key, Measure: o.Measure(), From: r.At.Add(-back).Truncate(time.Minute), To: r.At})
			of = append(of, s)
		}
	}
	if len(spans) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	sketches, err := b.store.Sketch(ctx, spans)
	if err != nil {
		return err
	}
	for i, sketch := range sketches {
		of[i].Latency = latencies(sketch)
	}
	return nil
}

func latencies(s Sketch) (l Latencies) {
	l.P50, _ = s.Quantile(500_000)
	l.P95, _ = s.Quantile(950_000)
	l.P99, _ = s.Quantile(990_000)
	return l
}

// Point is a part of a series.
type Point struct {
	From  time.Time
	Count Count
}

// maxPoints bounds a series.
const maxPoints = 2000

// Series returns the counts of an objective from the minute that holds from until to, one for each step of whole
// minutes, at most 2,000. What was excluded is not in them.
func (b *Board) Series(ctx context.Context, k Key, from, to time.Time, step time.Duration) ([]Point, error) {
	from = from.UTC().Truncate(time.Minute)
	switch {
	case step < time.Minute || step%time.Minute != 0:
		return nil, prefix(tenon.Invalid("step", "is not a number of whole minutes"))
	case !to.After(from) || to.Sub(from)/step >= maxPoints:
		return nil, prefix(tenon.Invalid("to", "is not after from, or gives more than %d points", maxPoints))
	}
	state, err := b.load(ctx)
	if err != nil {
		return nil, err
	}
	o, ok := state.objective(k)
	if !ok {
		return nil, ErrUnknownObjective
	}
	q := &questions{exclusions: state.Exclusions}
	var points []Point
	for at := from; at.Before(to); at = at.Add(step) {
		q.now, q.begun = at.Add(step), len(q.parts)
		q.window(o, at)
		points = append(points, Point{From: at})
	}
	if err := b.count(ctx, q); err != nil {
		return nil, err
	}
	for i := range points {
		points[i].Count, _ = q.next()
	}
	return points, nil
}
