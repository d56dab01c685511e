package faultmatrix_test

import (
	"bytes"
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

const quotesSQL = `create table public.quotes (tenant_id text not null, id int primary key, price numeric)`

func openLog(db pgtest.Handle) *auditpg.Store { return auditpg.New(db, nil) }

func signer() *audit.Signer {
	s, err := audit.NewSigner("example.com/audit", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		panic(err) // a name and a seed of the right length
	}
	return s
}

// entry is a record with the test's own id.
func entry(n int) audit.Entry {
	return audit.Entry{
		Record: audit.Record{
			ID: id(n), Tenant: "acme", At: now, Actor: "ann", Action: "quote.accepted", Outcome: audit.Succeeded,
			Payload: []byte(`{"by":"ann"}`), Key: "key of " + id(n),
		},
		Seed: bytes.Repeat([]byte{1}, 16),
	}
}

// logOn returns a log that anchors nowhere.
func logOn(db pgtest.Handle) *audit.Log {
	nowhere := audit.AnchorFunc(func(context.Context, audit.Checkpoint) error { return nil })
	return audit.NewLog(openLog(db), &audit.Options{Signer: signer(), Anchors: map[string]audit.Anchor{"test": nowhere}})
}

func twoEntries(s *stage) {
	for n := range 2 {
		_, err := openLog(s.pool).Append(s.ctx(), []audit.Entry{entry(n + 1)})
		s.must(err)
	}
	s.execute(quotesSQL)
}

// sealedEntries are two that are sealed, which waits for transactions of others on the same server.
func sealedEntries(s *stage) {
	twoEntries(s)
	require.Eventually(s.t, func() bool {
		_, err := logOn(s.pool).Seal(s.ctx())
		s.must(err)
		head, err := openLog(s.pool).Head(s.ctx())
		s.must(err)
		return head.Waiting == 0
	}, time.Minute, time.Millisecond)
}

// signedCheckpoint signs one and forgets it, so that every cell stores the very same.
func signedCheckpoint(s *stage) {
	sealedEntries(s)
	c, err := logOn(s.pool).Checkpoint(s.ctx())
	s.must(err)
	s.execute("delete from tenon.audit_checkpoints")
	s.keep("note", string(c.Note))
}

func checkpoint(s *stage, db pgtest.Handle) error {
	c, err := audit.ParseCheckpoint([]byte(s.kept["note"]), signer().Verifier())
	if err != nil {
		return err
	}
	return openLog(db).PutCheckpoint(s.ctx(), c)
}

func anchor(s *stage, db pgtest.Handle) error {
	c, err := audit.ParseCheckpoint([]byte(s.kept["note"]), signer().Verifier())
	if err != nil {
		return err
	}
	return auditpg.NewAnchor(db).Anchor(s.ctx(), c)
}

// agedEntries are sealed, and one of them is three months old.
func agedEntries(s *stage) {
	old := entry(1)
	old.At = s.now.AddDate(0, -3, 0)
	old.ID, old.Key = tenon.NewID(old.At), ""
	s.must(migrations.EnsurePartitions(s.ctx(), s.pool, "audit_log", old.At, 1))
	_, err := openLog(s.pool).Append(s.ctx(), []audit.Entry{old})
	s.must(err)
	signedCheckpoint(s)
	s.must(checkpoint(s, s.pool))
	s.must(openLog(s.pool).Anchored(s.ctx(), 3))
}

func drop(s *stage, db pgtest.Handle) error {
	_, err := openLog(db).Drop(s.ctx(), s.now.AddDate(0, -1, 0), 3, func(d audit.Dropped) (audit.Entry, error) {
		e := entry(1)
		e.ID, e.Action, e.Key = tenon.NewID(s.now), "dropped", ""
		return e, nil
	})
	return err
}

// seal seals all that there is.
func seal(s *stage, db pgtest.Handle) error {
	for {
		if _, err := logOn(db).Seal(s.ctx()); err != nil {
			return err
		}
		head, err := openLog(s.pool).Head(s.ctx())
		if err != nil || head.Waiting == 0 {
			return err
		}
	}
}

var auditing = feature{set: migrations.Audit, writes: []write{
	{"auditpg.Store.Append", "one", nil, func(s *stage, db pgtest.Handle) error {
		_, err := openLog(db).Append(s.ctx(), []audit.Entry{entry(1)})
		return err
	}},
	{"auditpg.Store.Append", "many", nil, func(s *stage, db pgtest.Handle) error {
		entries := make([]audit.Entry, 40)
		for n := range entries {
			entries[n] = entry(n + 1)
		}
		_, err := openLog(db).Append(s.ctx(), entries)
		return err
	}},
	{"auditpg.Store.Seal", "", twoEntries, seal},
	{"auditpg.Store.PutCheckpoint", "", signedCheckpoint, checkpoint},
	{"auditpg.Anchor.Anchor", "", signedCheckpoint, anchor},
	{"auditpg.Store.Drop", "", agedEntries, drop},
	{"auditpg.Store.Anchored", "", func(s *stage) {
		signedCheckpoint(s)
		s.must(checkpoint(s, s.pool))
	}, func(s *stage, db pgtest.Handle) error { return openLog(db).Anchored(s.ctx(), 2) }},
	{"auditpg.Store.PutHold", "", twoEntries, func(s *stage, db pgtest.Handle) error {
		hold := audit.Hold{ID: id(8), Tenant: "acme", Reason: "a lawsuit", By: "dpo", At: s.now}
		return openLog(db).PutHold(s.ctx(), hold, entry(9))
	}},
	{"auditpg.Store.Redact", "", twoEntries, func(s *stage, db pgtest.Handle) error {
		_, err := logOn(db).Redact(s.ctx(), audit.Query{Tenant: "acme"}, "asked", func(e *audit.Entry, path, _ string) bool {
			return e.Action != audit.ActionRedacted && path == "actor"
		})
		return err
	}},
	{"auditpg.Store.Claim", "", nil, func(s *stage, db pgtest.Handle) error {
		_, _, err := openLog(db).Claim(s.ctx(), "siem", "one", time.Hour)
		return err
	}},
	{"auditpg.Store.Advance", "", func(s *stage) {
		_, _, err := openLog(s.pool).Claim(s.ctx(), "siem", "one", time.Hour)
		s.must(err)
	}, func(s *stage, db pgtest.Handle) error { return openLog(db).Advance(s.ctx(), "siem", "one", 7) }},
	{"auditpg.Store.Maintain", "", func(s *stage) {
		twoEntries(s)
		s.execute("update tenon.audit_keys set id = tenon.id_floor(now() - interval '1 year')")
	}, func(s *stage, db pgtest.Handle) error { return openLog(db).Maintain(s.ctx(), s.now) }},
	{"auditpg.Watch", "", twoEntries, func(s *stage, db pgtest.Handle) error {
		return auditpg.Watch(s.ctx(), db, "public.quotes", nil)
	}},
	{"auditpg.Unwatch", "", func(s *stage) {
		twoEntries(s)
		s.must(auditpg.Watch(s.ctx(), s.pool, "public.quotes", nil))
	}, func(s *stage, db pgtest.Handle) error { return auditpg.Unwatch(s.ctx(), db, "public.quotes") }},
	// Who erases is nobody here: a second erasure would take that from the record of the first one too.
	{"auditpg.Store.Erase", "a company", sealedEntries, func(s *stage, db pgtest.Handle) error {
		_, err := openLog(db).Erase(s.t.Context(), company)
		return err
	}},
}}
