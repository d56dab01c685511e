package faultmatrix_test

import (
	"errors"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
	"github.com/transbotai/tenon/migrations"
)

func openKPIs(db pgtest.Handle) *kpipg.Store {
	return kpipg.New(db, &kpipg.Options{Notifier: notifier, Recorder: recorder, Every: 100 * time.Millisecond})
}

// figures are KPIs with a rollup of each kind.
var figures = []kpi.KPI{
	{Name: "sent", Count: &kpi.Count{Of: kpi.On("quote_sent"), Breakdown: "lane"}},
	{Name: "amount", Sum: &kpi.Sum{Of: kpi.On("quote_sent"), Property: "amount"}},
	{Name: "quotes", Conversion: &kpi.Conversion{
		Start: kpi.On("quote_sent"), Convert: kpi.On("quote_accepted"), Subject: "quote",
	}},
	{Name: "users", Unique: &kpi.Unique{Of: kpi.On("quote_sent")}},
}

func event(tenant, name, quote string) kpi.Event {
	return kpi.Event{
		Tenant: tenant, User: "ann", Name: name, Key: name + quote, At: now,
		Properties: map[string]any{"quote": quote, "amount": 12.5, "lane": "north"},
	}
}

// tomorrow is unfit: it has not happened yet.
func tomorrow() kpi.Event {
	e := event("acme", "quote_sent", "9")
	e.At = now.AddDate(0, 0, 2)
	return e
}

// onEvents works by a tracker that keeps aside what is unfit.
func onEvents(f func(s *stage, t *kpi.Tracker) error) work {
	return func(s *stage, db pgtest.Handle) error {
		return f(s, kpi.NewTracker(openKPIs(db), &kpi.TrackerOptions{
			Timeout: time.Minute, Unfit: kpi.Quarantine,
		}))
	}
}

func track(events ...kpi.Event) work {
	return onEvents(func(s *stage, t *kpi.Tracker) error {
		_, err := t.Track(s.ctx(), events...)
		return err
	})
}

// setAside keeps an unfit event aside: twice when it is sent twice, so a caller to whom that matters looks first.
func setAside(s *stage, db pgtest.Handle) error {
	if s.tries > 0 {
		aside, err := openKPIs(db).Quarantined(s.ctx(), kpi.AsideQuery{Tenant: "acme"})
		if err != nil || len(aside) > 0 {
			return err
		}
	}
	return track(tomorrow())(s, db)
}

func defineKPIs(s *stage, db pgtest.Handle) error {
	return kpi.NewBoard(openKPIs(db), &kpi.BoardOptions{Timeout: time.Minute}).Define(s.ctx(), figures...)
}

// someEvents stores events of which half are folded, and one aside.
func someEvents(s *stage) {
	s.must(defineKPIs(s, s.pool))
	first := track(
		event("acme", "quote_sent", "1"), event("acme", "quote_accepted", "1"), event("zenith", "quote_sent", "1"))
	s.must(first(s, s.pool))
	s.must(openKPIs(s.pool).Fold(s.ctx()))
	s.must(track(event("acme", "quote_sent", "2"), tomorrow())(s, s.pool))
	aside, err := openKPIs(s.pool).Quarantined(s.ctx(), kpi.AsideQuery{Tenant: "acme"})
	s.must(err)
	s.keep("aside", aside[0].Event.ID)
}

var measuring = feature{set: migrations.KPI, writes: []write{
	{"kpipg.Store.Change", "", nil, defineKPIs},
	{
		"kpipg.Store.Track", "new and old", someEvents,
		track(event("acme", "quote_sent", "1"), event("acme", "quote_sent", "7"), event("zenith", "quote_accepted", "7")),
	},
	{"kpipg.Store.Track", "aside", nil, setAside},
	{"kpipg.Store.Track", "correct", someEvents, onEvents(func(s *stage, t *kpi.Tracker) error {
		e := event("acme", "quote_sent", "1")
		e.At = now.Add(-time.Hour)
		if _, err := t.Correct(s.ctx(), e); err != nil {
			return err
		}
		return openKPIs(s.pool).Fold(s.ctx()) // until then what is to be folded may be listed twice
	})},
	{"kpipg.Store.Track", "retract", someEvents, onEvents(func(s *stage, t *kpi.Tracker) error {
		if err := t.Retract(s.ctx(), kpi.Ref{Tenant: "acme", Key: "quote_accepted1"}); !errors.Is(err, kpi.ErrUnknownEvent) {
			return err
		}
		return nil // it was done the first time
	})},
	{"kpipg.Store.Release", "", someEvents, func(s *stage, db pgtest.Handle) error {
		_, err := openKPIs(db).Release(s.ctx(), "acme", s.kept["aside"])
		if s.tries > 0 && errors.Is(err, kpi.ErrUnknownEvent) {
			return nil
		}
		return err
	}},
	{"kpipg.Store.Fold", "", someEvents, func(s *stage, db pgtest.Handle) error { return openKPIs(db).Fold(s.ctx()) }},
	{"kpipg.Store.Rebuild", "", func(s *stage) {
		someEvents(s)
		s.execute("delete from tenon.kpi_rollups")
	}, func(s *stage, db pgtest.Handle) error { return openKPIs(db).Rebuild(s.ctx()) }},
	{
		"kpipg.Store.Run", "", someEvents,
		runs("select count(*) = 0 from tenon.kpi_pending", func(db pgtest.Handle) runner { return openKPIs(db) }),
	},
	{
		"kpipg.Store.Erase", "a company", someEvents,
		erases(func(db pgtest.Handle) tenon.Eraser { return openKPIs(db) }, company),
	},
	{
		"kpipg.Store.Erase", "a person", someEvents,
		erases(func(db pgtest.Handle) tenon.Eraser { return openKPIs(db) }, person),
	},
}}
