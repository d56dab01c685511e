package control

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

const day = 24 * time.Hour

// Days are those that have a checklist.
var Days = []int{0, 1, 7}

// Start is when the launch began, or begins. The zero Start is one that nobody has set.
type Start struct{ At time.Time }

// Set says whether anybody has set it.
func (s Start) Set() bool { return !s.At.IsZero() }

// Of returns when a day of the launch begins.
func (s Start) Of(n int) time.Time { return s.At.Add(time.Duration(n) * day) }

// Day returns which day of the launch an instant is in, and false before day 0.
func (s Start) Day(now time.Time) (int, bool) {
	if !s.Set() || now.Before(s.At) {
		return 0, false
	}
	return int(now.Sub(s.At) / day), true
}

const selectStart = `
select began_at
from public.launch`

// Start returns when the launch began.
func (d *Desk) Start(ctx context.Context) (Start, error) { return startIn(ctx, d.Pool) }

func startIn(ctx context.Context, db freight.DB) (s Start, err error) {
	err = db.QueryRow(ctx, selectStart).Scan(&s.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return Start{}, nil
	}
	s.At = s.At.UTC()
	return s, err
}

const storeStart = `
insert into public.launch (began_at)
values ($1)
on conflict (one) do update
set began_at = excluded.began_at`

// farOff bounds how far from now a launch may begin.
const farOff = 366 * day

// Begin says when day 0 begins. Who said so, and why, is recorded in the same transaction.
func (d *Desk) Begin(ctx context.Context, at time.Time, reason string) error {
	at = at.UTC().Truncate(time.Second)
	if off := time.Since(at).Abs(); off > farOff {
		return tenon.Invalid("at", "is more than a year from now")
	}
	return d.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "lock table public.launch "+oneWriter); err != nil {
			return err
		}
		before, err := startIn(ctx, tx)
		if err == nil {
			_, err = tx.Exec(ctx, storeStart, at)
		}
		if err != nil {
			return err
		}
		c := tenon.Change{Action: "control.launch_dated", Target: "launch/phase4", After: document(at), Reason: reason, At: time.Now()}
		if before.Set() {
			c.Before = document(before.At)
		}
		return d.Recorder(tx).RecordChange(ctx, c)
	})
}

// oneWriter locks a table so that what is recorded as having been there before is what was there. Readers do not wait.
const oneWriter = "in share row exclusive mode"

// inTx runs f in a transaction that is kept when f says nothing.
func (d *Desk) inTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	return freight.InTx(ctx, d.Pool, func(tx pgx.Tx) (bool, error) { return true, f(tx) })
}

// document writes what the audit log keeps of a value.
func document(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}
