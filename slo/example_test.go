package slo_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
)

// service is a store in which 100,000 requests of the last minutes were counted, of which failed were bad.
func service(failed int64) *slo.MemoryStore {
	store := slo.NewMemoryStore(&slo.MemoryOptions{Notifier: printer{}})
	o := slo.Objective{
		Key: slo.Key{Name: "uptime"}, Kind: slo.Ratio, Target: 999_000, Window: slo.Window{Length: 24 * time.Hour}, Tiers: []slo.Tier{},
	}
	if _, err := slo.NewBoard(store, nil).Define(context.Background(), o); err != nil {
		log.Fatal(err)
	}
	minute := slo.Minute{
		Key: o.Key, Measure: o.Measure(), At: time.Now().UTC().Truncate(time.Minute), Instance: "one",
		Good: 100_000 - failed, Valid: 100_000,
	}
	if err := store.Record(context.Background(), []slo.Minute{minute}); err != nil {
		log.Fatal(err)
	}
	return store
}

// printer tells people by printing.
type printer struct{}

func (printer) Notify(_ context.Context, n tenon.Notification) error {
	fmt.Println(n.Severity, n.Title)
	return nil
}

func Example() {
	ctx, store := context.Background(), slo.NewMemoryStore(nil)
	board := slo.NewBoard(store, nil)
	quick := slo.Objective{
		Key: slo.Key{Name: "quotes"}, Kind: slo.Latency, Target: 950_000, Threshold: 500 * time.Millisecond,
		Window: slo.Window{Length: time.Hour},
	}
	if _, err := board.Define(ctx, quick); err != nil {
		log.Fatal(err)
	}
	rec, err := slo.NewRecorder(store, []slo.Objective{quick}, nil)
	if err != nil {
		log.Fatal(err)
	}
	rec.Tick(time.Now()) // Run does both
	for i := range 100 {
		rec.Observe(slo.Good, time.Duration(i)*6*time.Millisecond)
	}
	if err := rec.Flush(ctx); err != nil {
		log.Fatal(err)
	}
	report, err := board.Current(ctx)
	if err != nil {
		log.Fatal(err)
	}
	s := report.Statuses[0]
	fmt.Println(s.Objective)
	fmt.Println(s.Health, s.Count.Good, "of", s.Count.Valid)
	fmt.Printf("%.1f of the budget is consumed\n", s.Consumed)
	// Output:
	// 95% within 500ms over 1h0m0s
	// breached 84 of 100
	// 3.2 of the budget is consumed
}

func ExampleReleasePolicy_Guard() {
	policy := slo.NewReleasePolicy(slo.NewBoard(service(51), nil))
	v, err := policy.Guard(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Outcome)
	fmt.Println(v.Reasons[1])
	// Output:
	// warning uptime: budget 50%
	// critical releases are frozen: uptime
	// hold
	// uptime: 99.9% good over 24h0m0s: 51 of 100000 were bad, 51% of the budget is consumed.
}

func ExampleReleasePolicy_Override() {
	ctx := tenon.WithCaller(context.Background(), tenon.Caller{Actor: "ines"})
	policy := slo.NewReleasePolicy(slo.NewBoard(service(60), nil))
	if _, err := policy.Override(ctx, time.Now().Add(time.Hour), "this release is the fix"); err != nil {
		log.Fatal(err)
	}
	r, err := policy.Check(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Outcome, r.Frozen, r.Override.By)
	// Output:
	// warning uptime: budget 50%
	// critical releases are frozen: uptime
	// pass true ines
}

func ExampleBoard_Exclude() {
	ctx := context.Background()
	board := slo.NewBoard(service(60), nil)
	now := time.Now()
	if _, err := board.Exclude(ctx, slo.Exclusion{From: now.Add(-time.Hour), To: now.Add(time.Hour), Reason: "the datacentre moves"}); err != nil {
		log.Fatal(err)
	}
	report, err := board.Current(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Statuses[0].Health)
	// Output: no_data
}

func ExampleBoard_Evaluate() {
	report, err := slo.NewBoard(service(100), nil).Evaluate(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	s := report.Statuses[0]
	fmt.Println(s.Consumed == 1, s.Health, report.Freeze.Frozen)
	fmt.Println(s.Alerts[0].Resolves)
	// Output:
	// critical uptime: budget 100%
	// critical releases are frozen: uptime
	// true exhausted true
	// no more than 40% of the budget is consumed
}

func ExampleTier_Check() {
	fastest := slo.StandardTiers(time.Hour)[0]
	fmt.Println(fastest.Check(time.Hour, 950_000))
	// Output: slo: tier does not fit: invalid: tiers.short: 416.666666ms is shorter than the minute in which is counted: take a window of at least 1m0s, or the budget alerts at 50% and 100%
}

func ExampleTier_Detects() {
	for _, t := range slo.StandardTiers(30 * 24 * time.Hour) {
		all, _ := t.Detects(999_000, slo.Whole)
		_, ever := t.Detects(999_000, 1_000)
		fmt.Println(t, all, ever)
	}
	// Output:
	// 14.4 over 1h0m0s and 5m0s 51.84s false
	// 6 over 6h0m0s and 30m0s 2m9.6s false
	// 3 over 24h0m0s and 2h0m0s 4m19.2s false
	// 1 over 72h0m0s and 6h0m0s 4m19.2s false
}

func ExampleSketch() {
	var s slo.Sketch
	for i := range 1000 {
		s = s.Observe(time.Duration(i+1) * time.Millisecond)
	}
	p95, _ := s.Quantile(950_000)
	fmt.Println(p95.Round(10 * time.Millisecond))
	// Output: 950ms
}
