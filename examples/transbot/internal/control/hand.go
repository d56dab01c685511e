package control

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

// What people tick.
const (
	OKRs     = "okrs"
	PenTest  = "pen_test"
	Restores = "restore_drill"
	Reviewed = "budgets_reviewed"
)

// Hands are what people tick, in the order in which they stand on day 7.
var Hands = []string{OKRs, PenTest, Restores, Reviewed}

// Hand is what somebody ticked.
type Hand struct {
	Item string    `json:"item"`
	Done bool      `json:"done"`
	On   time.Time `json:"on,omitzero"` // the day for which it was planned; zero: none
	Note string    `json:"note,omitempty"`
	At   time.Time `json:"-"` // when it was ticked or unticked; zero: it never was
	By   string    `json:"-"`
}

const selectHands = `
select item, done, coalesce(on_day, '0001-01-01')::timestamp, note, changed_at, changed_by
from public.control_items
where item = $1 or $1 = ''`

// hands returns what was ticked and unticked, by item.
func hands(ctx context.Context, db freight.DB, item string) (map[string]Hand, error) {
	rows, err := db.Query(ctx, selectHands, item)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Hand])
	found := map[string]Hand{}
	for _, h := range list {
		h.On, h.At = h.On.UTC(), h.At.UTC()
		found[h.Item] = h
	}
	return found, err
}

const storeHand = `
insert into public.control_items (item, done, on_day, note, changed_at, changed_by)
values ($1, $2, $3, $4, clock_timestamp(), $5)
on conflict (item) do update
set done = excluded.done, on_day = excluded.on_day, note = excluded.note, changed_at = excluded.changed_at,
  changed_by = excluded.changed_by`

// maxNote bounds a note, in bytes.
const maxNote = 1000

// Tick ticks or unticks what people tick. Who did is recorded in the same transaction.
func (d *Desk) Tick(ctx context.Context, h Hand) error {
	switch {
	case !slices.Contains(Hands, h.Item):
		return tenon.Invalid("item", "is not one that people tick")
	case len(h.Note) > maxNote:
		return tenon.Invalid("note", "has more than %d bytes", maxNote)
	case h.Done && h.On.IsZero() && (h.Item == PenTest || h.Item == Restores):
		return tenon.Invalid("on", "is empty: say for which day it is planned")
	case h.Done && !h.On.IsZero() && time.Since(h.On) > 2*day: // it is over wherever people are
		return tenon.Invalid("on", "is over: a plan is for a day to come")
	}
	c, _ := tenon.CallerFrom(ctx)
	return d.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "lock table public.control_items "+oneWriter); err != nil {
			return err
		}
		before, err := hands(ctx, tx, h.Item)
		if err != nil {
			return err
		}
		var on *time.Time
		if !h.On.IsZero() {
			on = &h.On
		}
		if _, err := tx.Exec(ctx, storeHand, h.Item, h.Done, on, h.Note, c.Actor); err != nil {
			return err
		}
		change := tenon.Change{Action: "control.unticked", Target: "control/" + h.Item, After: document(h), Reason: h.Note, At: time.Now()}
		if h.Done {
			change.Action = "control.ticked"
		}
		if was, ok := before[h.Item]; ok {
			change.Before = document(was)
		}
		return d.Recorder(tx).RecordChange(ctx, change)
	})
}
