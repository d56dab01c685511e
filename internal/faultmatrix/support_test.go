package faultmatrix_test

import (
	"context"
	"errors"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

func openDesk(db pgtest.Handle) *supportpg.Store {
	return supportpg.New(db, &supportpg.Options{Notifier: notifier, Recorder: recorder})
}

// deskAt gives a store a time of the test's.
type deskAt struct {
	*supportpg.Store
	now time.Time
}

func (d deskAt) Clock(context.Context) (time.Time, error) { return d.now, nil }

var (
	ticket  = support.Ref{Tenant: "acme", ID: id(1)}
	finding = support.Ref{Tenant: "acme", ID: id(2)}
	timer   = support.TimerRef{Tenant: "acme", Key: "call"}
)

func onDesk(hours int, f func(s *stage, desk deskAt) error) work {
	return func(s *stage, db pgtest.Handle) error {
		return f(s, deskAt{openDesk(db), s.now.Add(time.Duration(hours) * time.Hour)})
	}
}

var (
	openTicket = onDesk(0, func(s *stage, d deskAt) error {
		_, err := support.NewDesk(d).Open(s.ctx(), support.NewTicket{
			Tenant: "acme", ID: ticket.ID, Priority: support.P1, Issue: "it is down",
		})
		return err
	})
	lateTicket    = onDesk(5, func(s *stage, d deskAt) error { return support.NewDesk(d).Tick(s.ctx(), ticket) })
	reportFinding = onDesk(0, func(s *stage, d deskAt) error {
		_, err := support.NewFindings(d, nil).Report(s.ctx(), support.NewFinding{
			Tenant: "acme", ID: finding.ID, Title: "x", Severity: support.Critical,
		})
		return err
	})
	lateFinding = onDesk(240, func(s *stage, d deskAt) error { return support.NewFindings(d, nil).Tick(s.ctx(), finding) })
	setRules    = onDesk(0, func(s *stage, d deskAt) error {
		rules, err := support.NewDesk(d).Rules(s.ctx())
		if err != nil || rules.Version > 0 { // it was done the first time
			return err
		}
		_, err = support.NewDesk(d).SetRules(s.ctx(), rules, "asked")
		return err
	})
	takeStep = onDesk(0, func(s *stage, d deskAt) error {
		_, err := d.KeepProgress(s.ctx(), support.Progress{
			Viewer: support.Viewer{Tenant: "acme", User: "ann"}, Tour: "rates", Version: 1, Step: 1, At: s.now,
		})
		return err
	})
	schedule = onDesk(0, func(s *stage, d deskAt) error {
		return d.Schedule(s.ctx(), []support.Timer{{TimerRef: timer, At: s.now.Add(-time.Hour), Kind: "call"}})
	})
	// claimTimer claims by a lease of its own each time: what a call took whose answer was lost is nobody's until that
	// lease is over.
	claimTimer = onDesk(0, func(s *stage, d deskAt) error {
		if s.tries > 0 {
			s.execute("update tenon.timers set ready_at = at, lease = null, lease_until = null, attempts = 0")
		}
		got, err := d.Claim(s.ctx(), support.Claim{Lease: id(10), For: time.Hour, Kinds: []string{"call"}, Limit: 1})
		if err == nil && len(got.Timers) == 1 {
			s.keep("place", got.Timers[0].Place)
		}
		return err
	})
	cancelTimer = onDesk(0, func(s *stage, d deskAt) error {
		_, err := d.Cancel(s.ctx(), []support.TimerRef{timer})
		return err
	})
	workTimer = onDesk(0, func(s *stage, d deskAt) error {
		err := d.Work(s.ctx(), id(10), []support.Held{held(s)}, func(ctx context.Context, inside support.Store) error {
			_, err := inside.KeepProgress(ctx, support.Progress{
				Viewer: support.Viewer{Tenant: "acme", User: "bob"}, Tour: "rates", Version: 1, Step: 1, At: s.now,
			})
			return err
		})
		if s.tries > 0 && errors.Is(err, support.ErrLost) {
			return nil // it was done the first time
		}
		return err
	})
)

func held(s *stage) support.Held {
	return support.Held{Timer: support.Timer{TimerRef: timer, Kind: "call"}, Attempts: 1, Place: s.kept["place"]}
}

func failTimer(dead bool) work {
	return onDesk(0, func(s *stage, d deskAt) error {
		return d.Fail(s.ctx(), id(10), []support.Failure{{Held: held(s), Reason: "no answer", After: time.Hour, Dead: dead}})
	})
}

func revive(s *stage, db pgtest.Handle) error {
	err := openDesk(db).ReviveTimer(s.ctx(), timer)
	if s.tries > 0 && errors.Is(err, tenon.ErrNotFound) {
		return nil // it was done the first time
	}
	return err
}

var supporting = feature{set: migrations.Support, writes: []write{
	{"supportpg.Store.ChangeTicket", "open", nil, openTicket},
	{"supportpg.Store.ChangeTicket", "escalate", after(openTicket), lateTicket},
	{"supportpg.Store.ChangeFinding", "report", nil, reportFinding},
	{"supportpg.Store.ChangeFinding", "breach", after(reportFinding), lateFinding},
	{"supportpg.Store.ChangeRules", "", nil, setRules},
	{"supportpg.Store.KeepProgress", "", nil, takeStep},
	{"supportpg.Store.Schedule", "", nil, schedule},
	{"supportpg.Store.Cancel", "", after(schedule), cancelTimer},
	{"supportpg.Store.Claim", "", after(schedule), claimTimer},
	{"supportpg.Store.Work", "", after(schedule, claimTimer), workTimer},
	{"supportpg.Store.Fail", "again later", after(schedule, claimTimer), failTimer(false)},
	{"supportpg.Store.Fail", "given up", after(schedule, claimTimer), failTimer(true)},
	{"supportpg.Store.ReviveTimer", "", after(schedule, claimTimer, failTimer(true)), revive},
	{
		"supportpg.Store.Erase", "a company", after(openTicket, reportFinding, takeStep, schedule),
		erases(func(db pgtest.Handle) tenon.Eraser { return openDesk(db) }, company),
	},
	{
		"supportpg.Store.Erase", "a person", after(openTicket, reportFinding, takeStep, schedule),
		erases(func(db pgtest.Handle) tenon.Eraser { return openDesk(db) }, person),
	},
}}
