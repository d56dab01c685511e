package faultmatrix_test

import (
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitpg"
)

func openLimits(db pgtest.Handle) *ratelimitpg.Store {
	return ratelimitpg.New(db, &ratelimitpg.Options{Every: 100 * time.Millisecond})
}

var daily = ratelimit.PerDay(1000, time.UTC)

func op(kind ratelimit.OpKind, n int64) []ratelimit.Op {
	return []ratelimit.Op{{
		Kind: kind, Key: ratelimit.Key{Tenant: "acme", Name: "ann"}, Limits: []ratelimit.Limit{daily}, N: n, Least: n,
	}}
}

func takeFive(s *stage) {
	_, err := openLimits(s.pool).Settle(s.ctx(), op(ratelimit.OpTake, 5))
	s.must(err)
}

// take takes two more. Nothing is sent twice by itself, so a caller to whom it matters looks first.
func take(s *stage, db pgtest.Handle) error {
	store := openLimits(db)
	if s.tries > 0 {
		seen, err := store.Settle(s.ctx(), op(ratelimit.OpPeek, 1))
		if err != nil || seen[0].Remaining == daily.Max-7 {
			return err
		}
	}
	_, err := store.Settle(s.ctx(), op(ratelimit.OpTake, 2))
	return err
}

var limiting = feature{set: migrations.Ratelimit, writes: []write{
	{"ratelimitpg.Store.Settle", "take", takeFive, take},
	{"ratelimitpg.Store.Settle", "reset", takeFive, func(s *stage, db pgtest.Handle) error {
		_, err := openLimits(db).Settle(s.ctx(), op(ratelimit.OpReset, 0))
		return err
	}},
	{"ratelimitpg.Store.Run", "", func(s *stage) {
		takeFive(s)
		s.execute("update tenon.ratelimits set expires = 1, latest = 1")
	}, runs("select count(*) = 0 from tenon.ratelimits", func(db pgtest.Handle) runner { return openLimits(db) })},
	{
		"ratelimitpg.Store.Erase", "a company", takeFive,
		erases(func(db pgtest.Handle) tenon.Eraser { return openLimits(db) }, company),
	},
	{
		"ratelimitpg.Store.Erase", "a person", takeFive,
		erases(func(db pgtest.Handle) tenon.Eraser { return openLimits(db) }, person),
	},
}}
