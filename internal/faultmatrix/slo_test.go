package faultmatrix_test

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
)

const requestsSQL = `
create table public.api_requests (created_at timestamptz not null, ok bool not null, company text not null);
create index on public.api_requests (created_at);
insert into public.api_requests
select date_trunc('hour', now()) - n * interval '10 seconds', n % 2 = 0, 'acme'
from generate_series(1, 30) n`

var requests = slopg.FromTable(pgx.Identifier{"public", "api_requests"}, slopg.Columns{
	At: slopg.Col("created_at"), Good: slopg.Col("ok"), Tenant: slopg.Col("company"),
})

func openObjectives(db pgtest.Handle) *slopg.Store {
	return slopg.New(db, &slopg.Options{
		Tables: map[string]slopg.Table{"uptime": requests}, Notifier: notifier, Recorder: recorder, Every: 100 * time.Millisecond,
	})
}

var (
	uptime = slo.Objective{
		Key: slo.Key{Name: "uptime"}, Kind: slo.Ratio, Target: 999_000, Window: slo.Window{Length: 24 * time.Hour},
	}
	ofAcme = slo.Objective{
		Key: slo.Key{Tenant: "acme", Name: "tasks"}, Kind: slo.Ratio, Target: 980_000, Window: slo.Window{Length: time.Hour},
	}
)

// objectivesAt gives a store a time of the test's.
type objectivesAt struct {
	slo.Store
	now time.Time
}

func (o objectivesAt) Clock(context.Context) (time.Time, error) { return o.now, nil }

func onBoard(f func(s *stage, b *slo.Board) error) work {
	return func(s *stage, db pgtest.Handle) error {
		return f(s, slo.NewBoard(objectivesAt{openObjectives(db), s.now}, &slo.Options{Timeout: time.Minute}))
	}
}

var evaluate = onBoard(func(s *stage, b *slo.Board) error {
	_, err := b.Evaluate(s.ctx())
	return err
})

func defineObjectives(s *stage) {
	earlier := objectivesAt{openObjectives(s.pool), s.now.Add(-48 * time.Hour)}
	_, err := slo.NewBoard(earlier, &slo.Options{Timeout: time.Minute}).Define(s.ctx(), uptime, ofAcme)
	s.must(err)
	s.must(recordMinutes(s, s.pool))
}

func foldObjectives(s *stage) {
	defineObjectives(s)
	s.must(openObjectives(s.pool).Fold(s.ctx(), s.now))
}

func recordMinutes(s *stage, db pgtest.Handle) error {
	at := s.now.Add(-time.Duration(10+len(s.kept)) * time.Minute)
	return openObjectives(db).Record(s.ctx(), []slo.Minute{{
		Key: ofAcme.Key, Measure: ofAcme.Measure(), At: at, Instance: "one", Good: 1, Valid: 2, Closed: true,
	}})
}

var counting = feature{set: migrations.SLO, tables: requestsSQL, writes: []write{
	{"slopg.Store.Change", "define", nil, onBoard(func(s *stage, b *slo.Board) error {
		_, err := b.Define(s.ctx(), uptime, ofAcme)
		return err
	})},
	{"slopg.Store.Change", "alerts and a freeze", foldObjectives, evaluate},
	{"slopg.Store.Change", "retire", func(s *stage) {
		foldObjectives(s)
		s.must(evaluate(s, s.pool))
	}, onBoard(func(s *stage, b *slo.Board) error {
		if err := b.Retire(s.ctx(), uptime.Key, ""); !errors.Is(err, slo.ErrUnknownObjective) {
			return err
		}
		return nil // it was done the first time
	})},
	{"slopg.Store.Change", "an exclusion", func(s *stage) {
		foldObjectives(s)
		s.must(evaluate(s, s.pool))
	}, onBoard(func(s *stage, b *slo.Board) error {
		_, err := b.Exclude(s.ctx(), slo.Exclusion{Reason: "a drill", From: s.now.Add(-time.Hour), To: s.now})
		return err
	})},
	{"slopg.Store.Record", "", func(s *stage) {
		defineObjectives(s)
		s.keep("another minute", "")
	}, recordMinutes},
	{"slopg.Store.Fold", "", defineObjectives, func(s *stage, db pgtest.Handle) error {
		return openObjectives(db).Fold(s.ctx(), s.now)
	}},
	{
		"slopg.Store.Run", "", defineObjectives,
		runs("select count(*) > 0 from tenon.slo_rollups where objective = 'uptime'",
			func(db pgtest.Handle) runner { return openObjectives(db) }),
	},
	{
		"slopg.Store.Erase", "a company", foldObjectives,
		erases(func(db pgtest.Handle) tenon.Eraser { return openObjectives(db) }, company),
	},
}}
