package support_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/transbotai/tenon/support"
)

func ExampleNewDesk() {
	ctx := context.Background()
	desk := support.NewDesk(support.NewMemoryStore(nil))
	t, err := desk.Open(ctx, support.NewTicket{Tenant: "acme", Priority: support.P1, Issue: "no quotes since nine"})
	if err != nil {
		log.Fatal(err)
	}
	if t, err = desk.Reply(ctx, t.Ref, "we are looking into it"); err != nil {
		log.Fatal(err)
	}
	for _, c := range t.Clocks {
		fmt.Println(c.Promise, c.Target, c.Standing)
	}
	_, err = desk.Close(ctx, t.Ref)
	fmt.Println(err)
	// Output:
	// first_response 1h0m0s met
	// next_response 1h0m0s none
	// resolution 4h0m0s running
	// support: transition not allowed: conflict: a ticket that is open cannot be closed
}

func ExampleCalendar_Add() {
	berlin, err := support.NewCalendar(support.Hours{
		Zone: "Europe/Berlin",
		Week: support.Weekdays(
			support.Span{From: support.At(9, 0), To: support.At(12, 0)}, support.Span{From: support.At(13, 0), To: support.At(18, 0)},
		),
		Holidays: []support.Holiday{{Name: "Easter", From: "2026-04-03", To: "2026-04-06"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	opened := time.Date(2026, 4, 2, 15, 30, 0, 0, time.UTC) // a Thursday, 17:30 in Berlin
	fmt.Println(berlin.Add(opened, 8*time.Hour))
	// Output: 2026-04-07 15:30:00 +0000 UTC
}

func ExampleNewTimers() {
	ctx, stop := context.WithCancel(context.Background())
	fired := make(chan string)
	timers, err := support.NewTimers(support.NewMemoryStore(nil), support.Work{
		"remind": {Each: func(_ context.Context, _ support.Store, t support.Timer) error {
			fired <- t.Key
			return nil
		}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	err = timers.Schedule(ctx, support.Timer{
		TimerRef: support.TimerRef{Tenant: "acme", Key: "invoice/17"}, At: time.Now(), Kind: "remind",
	})
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- timers.Run(ctx) }()
	fmt.Println(<-fired)
	stop()
	fmt.Println(<-ended)
	// Output:
	// invoice/17
	// <nil>
}

func ExampleNewTours() {
	ctx := context.Background()
	tours, err := support.NewTours(support.NewMemoryStore(nil), []support.Tour{{
		Key: "rates", Feature: "Rates", Title: "Welcome to Rates!",
		Steps: []support.TourStep{{Anchor: "#lane", Title: "A lane"}, {Anchor: "#quote", Title: "A quote"}},
	}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	bob := support.Viewer{Tenant: "acme", User: "bob"}
	next, ok, err := tours.Next(ctx, bob)
	fmt.Println(next.Title, ok, err)
	if _, err := tours.Complete(ctx, bob, "rates"); err != nil {
		log.Fatal(err)
	}
	_, ok, err = tours.Next(ctx, bob)
	fmt.Println(ok, err)
	// Output:
	// Welcome to Rates! true <nil>
	// false <nil>
}

func ExampleNewFindings() {
	ctx := context.Background()
	findings := support.NewFindings(support.NewMemoryStore(nil), nil)
	f, err := findings.Report(ctx, support.NewFinding{Title: "open redirect", Severity: support.High, Source: "pen test"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.State, f.Due.Sub(f.FoundAt).Hours()/24, "days")
	f, err = findings.Fix(ctx, f.Ref, "only relative targets are taken")
	fmt.Println(f.State, f.Overdue, err)
	// Output:
	// open 30 days
	// fixed false <nil>
}
