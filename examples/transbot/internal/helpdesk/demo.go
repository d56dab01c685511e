package helpdesk

import (
	"context"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
)

// tale is a ticket of the demo. Its times are hours before the demo is made.
type tale struct {
	company, plan string
	priority      support.Priority
	issue         string
	ago           float64
	then          []turn
}

// turn is what happens to it, hours after it was opened.
type turn struct {
	after float64
	kind  support.Kind
	by    string
	text  string
}

var tales = []tale{
	{"transbotai-demo", "pro", support.P1, "Bulk rating answers 500 for every lane to Reno, NV.", 1.6, nil},
	{"transbotai-demo", "pro", support.P2, "The quote for lane Fresno to Boise is twice what it was last week.", 20, []turn{
		{0.5, support.Replied, "staff", "Thank you. We are comparing it with the actual price."},
		{3, support.Heard, "key:demo", "It happens for Nampa as well."},
	}},
	{"transbotai-demo", "pro", support.P3, "Can the invoice show our order number?", 96, []turn{
		{4, support.Replied, "staff", "Which field of your order should it be?"},
		{4, support.Pended, "staff", "Which field of your order should it be?"},
	}},
	{"transbotai-demo", "pro", support.P1, "Nobody can sign in.", 240, []turn{
		{0.2, support.Acknowledged, "staff", ""},
		{0.4, support.Replied, "staff", "We have found it: a certificate had expired."},
		{1.1, support.Solved, "staff", "The certificate was renewed. It is watched from now on."},
		{24, support.Closed, "staff", ""},
	}},
	{"transbotai-demo", "pro", support.P3, "Exports in CSV lack the pallets.", 150, []turn{
		{30, support.Replied, "staff", "They are added."},
		{80, support.Solved, "staff", "The column is there since today."},
	}},
}

// Fill makes the demo's tickets and findings, once.
func (d *Desk) Fill(ctx context.Context, now time.Time) error {
	there, err := d.store.Tickets(ctx, support.TicketQuery{Limit: 1})
	if err != nil || len(there) > 0 {
		return err
	}
	for _, t := range tales {
		if err := d.tell(ctx, t, now); err != nil {
			return err
		}
	}
	return d.report(ctx, now)
}

// tell writes a ticket's history as if it had happened, and sets its timers.
func (d *Desk) tell(ctx context.Context, t tale, now time.Time) error {
	opened := tenon.Instant(now.Add(-hours(t.ago)))
	ref := support.Ref{Tenant: t.company, ID: tenon.NewID(opened)}
	history := []support.Event{{
		At: opened, Kind: support.Opened, By: "key:demo", Text: t.issue, Priority: t.priority, Plan: t.plan,
	}}
	for _, turn := range t.then {
		history = append(history, support.Event{At: opened.Add(hours(turn.after)), Kind: turn.kind, By: turn.by, Text: turn.text})
	}
	_, err := d.store.ChangeTicket(ctx, ref, func(ticket *support.Ticket, _ support.Rules) (support.Effects, error) {
		*ticket = support.Replay(ref, history)
		return support.Effects{}, nil
	})
	if err != nil {
		return err
	}
	return d.Tickets.Tick(ctx, ref)
}

func hours(n float64) time.Duration { return time.Duration(n * float64(time.Hour)) }

// report reports what the demo's pen test found.
func (d *Desk) report(ctx context.Context, now time.Time) error {
	const test = "pen test, first round"
	for _, n := range []support.NewFinding{
		{Title: "A session outlives the key that opened it", Severity: support.High, FoundAt: now.AddDate(0, 0, -12)},
		{Title: "Answers tell the version of the web server", Severity: support.Low, FoundAt: now.AddDate(0, 0, -12)},
		{Title: "Passwords of a test system in a build log", Severity: support.Critical, FoundAt: now.AddDate(0, 0, -9)},
		{Title: "An old cipher suite is still offered", Severity: support.Medium, FoundAt: now.AddDate(0, 0, -40)},
	} {
		n.Source = test
		f, err := d.Findings.Report(ctx, n)
		if err != nil {
			return err
		}
		if n.Severity == support.Medium {
			_, err = d.Findings.Fix(ctx, f.Ref, "taken out of the configuration")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
