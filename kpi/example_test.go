package kpi_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/transbotai/tenon/kpi"
)

// monday is when the examples take place.
var monday = time.Date(2026, 3, 30, 9, 0, 0, 0, time.UTC)

// example returns a tracker and a board over one store, whose clock stands on Monday.
func example() (*kpi.Tracker, *kpi.Board) {
	store := still{kpi.NewMemoryStore(nil), monday}
	return kpi.NewTracker(store, nil), kpi.NewBoard(store, nil)
}

func ExampleTracker_Track() {
	tracker, _ := example()
	sent := kpi.Event{
		Tenant: "acme", User: "ann", Name: "quote_sent", Key: "sent/q1", Properties: map[string]any{"quote_id": "q1"},
	}
	for range 2 {
		receipts, err := tracker.Track(context.Background(), sent)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(receipts[0].Outcome)
	}
	_, err := tracker.Track(context.Background(), kpi.Event{Tenant: "acme", Name: "quote_sent", At: monday.AddDate(0, 0, 2)})
	fmt.Println(err)
	// Output:
	// accepted
	// duplicate
	// kpi: at: 2026-04-01T09:00:00Z is more than a day ahead
}

func ExampleBoard_Read() {
	ctx := context.Background()
	tracker, board := example()
	err := board.Define(ctx, kpi.KPI{
		Name: "quote_book", Zone: "Europe/Berlin", Last: 3, Conversion: &kpi.Conversion{
			Start: kpi.On("quote_sent"), Convert: kpi.On("quote_accepted"), Subject: "quote_id", Window: kpi.Day,
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, hours := range []int{60, 50, 40, 3} {
		at := monday.Add(-time.Duration(hours) * time.Hour)
		quote := map[string]any{"quote_id": fmt.Sprint("q", i)}
		events := []kpi.Event{{Tenant: "acme", Name: "quote_sent", At: at, Properties: quote}}
		if i%2 == 0 {
			events = append(events, kpi.Event{Tenant: "acme", Name: "quote_accepted", At: at.Add(time.Hour), Properties: quote})
		}
		if _, err := tracker.Track(ctx, events...); err != nil {
			fmt.Println(err)
			return
		}
	}
	report, err := board.Read(ctx, kpi.Query{KPI: "quote_book", Tenant: "acme"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range report.Points {
		fmt.Printf("%s: %d of %d, immature %t\n", p.Date, p.Count, p.Sample, p.Immature)
	}
	fmt.Printf("mature: %.0f %%\n", 100*report.Total.Value)
	// Output:
	// 2026-03-28: 1 of 2, immature false
	// 2026-03-29: 0 of 0, immature true
	// 2026-03-30: 0 of 1, immature true
	// mature: 50 %
}

func ExampleBoard_Preview() {
	ctx := context.Background()
	tracker, board := example()
	for i, name := range []string{"quote_created", "quote_sent", "quote_created", "quote_sent", "quote_accepted"} {
		e := kpi.Event{Tenant: "acme", User: "ann", Name: name, At: monday.Add(time.Duration(i-9) * time.Minute)}
		if _, err := tracker.Track(ctx, e); err != nil {
			fmt.Println(err)
			return
		}
	}
	report, err := board.Preview(ctx, kpi.KPI{Name: "booking", Last: 1, Funnel: &kpi.Funnel{
		Steps: []kpi.Step{kpi.On("quote_created"), kpi.On("quote_sent"), kpi.On("quote_accepted")}, Window: kpi.Day,
	}}, kpi.Query{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range report.Points[0].Steps {
		fmt.Println(s.Label, s.Count)
	}
	fmt.Println("it took", report.Points[0].Median)
	// Output:
	// quote_created 1
	// quote_sent 1
	// quote_accepted 1
	// it took 2m0s
}

func ExampleBoard_Explain() {
	ctx := context.Background()
	_, board := example()
	if err := board.Define(ctx, kpi.KPI{Name: "sent", Last: 7, Count: &kpi.Count{Of: kpi.On("quote_sent")}}); err != nil {
		fmt.Println(err)
		return
	}
	e, err := board.Explain(ctx, kpi.Query{KPI: "sent"})
	fmt.Println(e.Words, err)
	// Output:
	// How many events quote_sent there were. Days in the zone UTC, 7 of them, from 2026-03-24 to 2026-03-30. A period is immature until it is over. <nil>
}

func ExampleParseDefinitions() {
	defs, err := kpi.ParseDefinitions(strings.NewReader(`{
		"kpis": [{"name": "sent", "zone": "Asia/Kolkata", "count": {"of": {"events": ["quote_sent"]}}}],
		"events": {"quote_sent": {"properties": {"recipients": {"type": "number", "required": true}}}}
	}`))
	fmt.Println(defs.KPIs[0].Name, defs.KPIs[0].Zone, err)
	_, err = kpi.ParseDefinitions(strings.NewReader(`{"kpis": [{"name": "f", "funnel": {"steps": [{"events": ["a"]}]}}]}`))
	fmt.Println(err)
	// Output:
	// sent Asia/Kolkata <nil>
	// kpi: kpis[0]: steps: are 1, not 2 to 10
}

func ExampleBatcher() {
	tracker, _ := example()
	batcher := kpi.NewBatcher(tracker, nil)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- batcher.Run(ctx) }()
	for range 3 {
		if err := batcher.Send(ctx, kpi.Event{Tenant: "acme", Name: "page_seen"}); err != nil {
			fmt.Println(err)
		}
	}
	stop()
	fmt.Println(<-ended, batcher.Stats().Stored)
	// Output: <nil> 3
}

func ExampleNewCounter() {
	tuesday := monday.AddDate(0, 0, 1)
	counter := kpi.NewCounter(kpi.CellQuery{
		Measure: kpi.Measure{Of: kpi.On("quote_sent")}, Edges: []time.Time{monday.Truncate(24 * time.Hour), tuesday.Truncate(24 * time.Hour)},
	})
	for range 2 {
		counter.Add(&kpi.Event{Name: "quote_sent", At: monday})
	}
	cells, err := counter.Cells()
	fmt.Println(cells[0].Count, err)
	// Output: 2 <nil>
}
