package faultmatrix_test

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
)

func openOutbox(db pgtest.Handle) *notifypg.Store { return notifypg.New(db, nil) }

func news(key string) tenon.Notification {
	return tenon.Notification{
		Kind: "quote.sent", Key: key, Tenant: "acme", Severity: tenon.SeverityInfo, Title: "A quote", At: now,
	}
}

// twoNews writes two notifications of one group; the first is claimed under the lease of id 10.
func twoNews(s *stage) {
	for _, key := range []string{"1", "2"} {
		s.must(openOutbox(s.pool).Notify(s.ctx(), news(key)))
	}
}

func claim(s *stage, db pgtest.Handle, lease string) ([]notify.Entry, error) {
	at := time.Now().Add(time.Minute).Truncate(time.Second)
	if s.tries > 0 {
		at = at.Add(24 * time.Hour) // what was claimed by a call whose answer was lost is free again when its lease is over
	}
	return openOutbox(db).Claim(s.ctx(), notify.Claim{
		Destination: "default", Lease: lease, Now: at, Until: s.now.Add(12 * time.Hour), Limit: 5,
	})
}

func settles(state notify.State) work {
	return func(s *stage, db pgtest.Handle) error {
		e := notify.Entry{ID: s.kept["id"], Destination: "default", Group: s.kept["group"], Notification: news("1")}
		return openOutbox(db).Settle(s.ctx(), []notify.Result{{
			Entry: e, Lease: id(10), State: state, Error: "no", At: s.now, Due: s.now.Add(time.Hour),
		}})
	}
}

func claimed(s *stage) {
	twoNews(s)
	got, err := claim(s, s.pool, id(10))
	s.must(err)
	s.keep("id", got[0].ID)
	s.keep("group", got[0].Group)
}

func dead(s *stage) {
	claimed(s)
	s.must(settles(notify.Dead)(s, s.pool))
}

var notifying = feature{set: migrations.Notify, writes: []write{
	{"notifypg.Store.Notify", "", twoNews, func(s *stage, db pgtest.Handle) error {
		return openOutbox(db).Notify(s.ctx(), news("3")) // the same key again is the same notification
	}},
	{"notifypg.Store.NotifyBatch", "", twoNews, func(s *stage, db pgtest.Handle) error {
		return openOutbox(db).NotifyBatch(s.ctx(), []tenon.Notification{news("3"), news("2"), news("4")})
	}},
	{"notifypg.Store.Add", "", twoNews, func(s *stage, db pgtest.Handle) error {
		entries, err := notify.Routing{}.Entries(news("3"), s.now)
		if err != nil {
			return err
		}
		entries[0].ID = id(3)
		return openOutbox(db).Add(s.ctx(), entries)
	}},
	{"notifypg.Store.Claim", "", twoNews, func(s *stage, db pgtest.Handle) error {
		_, err := claim(s, db, id(10))
		return err
	}},
	{"notifypg.Store.Settle", "delivered", claimed, settles(notify.Delivered)},
	{"notifypg.Store.Settle", "pending", claimed, settles(notify.Pending)},
	{"notifypg.Store.Settle", "dead", claimed, settles(notify.Dead)},
	{"notifypg.Store.Replay", "", dead, func(s *stage, db pgtest.Handle) error {
		return openOutbox(db).Replay(s.ctx(), notify.Ref{Tenant: "acme", ID: s.kept["id"]}, s.now)
	}},
	{"notifypg.Store.Prune", "", dead, func(s *stage, db pgtest.Handle) error {
		_, err := openOutbox(db).Prune(s.ctx(), s.now.Add(time.Hour), 10)
		return err
	}},
	{
		"notifypg.Store.Erase", "a company", dead,
		erases(func(db pgtest.Handle) tenon.Eraser { return openOutbox(db) }, company),
	},
	{"notifypg.Channel", "", nil, func(s *stage, db pgtest.Handle) error { // a word that nobody keeps, beside one who does
		err := pgx.BeginFunc(s.ctx(), db, func(tx pgx.Tx) error {
			if err := notifypg.Channel(tx, "news").Notify(s.ctx(), news("3")); err != nil {
				return err
			}
			return notifypg.New(tx, nil).Notify(s.ctx(), news("3"))
		})
		return pgerr.Translate(err, "Notify")
	}},
}}
