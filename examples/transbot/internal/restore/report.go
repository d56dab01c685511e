package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// Drill is a drill and what came of it.
type Drill struct {
	ID         string
	Began      time.Time
	By         string
	Ended      time.Time // zero: it is under way
	Passed     bool
	Failure    string    // in a sentence; empty while it is under way, and when it passed
	SnapshotAt time.Time // what was dumped is the database as it was then; zero: it did not get there
	VerifiedAt time.Time // when the last check was over; zero: it did not get there
	Tables     int64
	Rows       int64
	DumpBytes  int64
	Steps      []Step
}

// Step is a part of a drill that is over.
type Step struct {
	Name   string        `json:"name"`
	Took   time.Duration `json:"took"`
	Detail string        `json:"detail,omitempty"` // what was done or found, in words
	Wrong  []string      `json:"wrong,omitempty"`  // what is not as it should be; the step failed
}

// maxWrong bounds how much of what is wrong a step tells.
const maxWrong = 20

// Running says whether the drill is under way.
func (d Drill) Running() bool { return d.Ended.IsZero() }

// RTO is how long it took from the beginning until the copy was verified; 0 when it never was.
func (d Drill) RTO() time.Duration {
	if d.VerifiedAt.IsZero() {
		return 0
	}
	return d.VerifiedAt.Sub(d.Began)
}

// RPO is how old the copy was when it was verified: what happened since would be lost. 0 when it never was.
func (d Drill) RPO() time.Duration {
	if d.VerifiedAt.IsZero() {
		return 0
	}
	return d.VerifiedAt.Sub(d.SnapshotAt)
}

const leftOver = "The program ended before the drill did."

// abandonSQL ends drills of programs that are gone. Who calls it holds the lock, so none of them is under way.
const abandonSQL = `
update public.restore_drills
set ended_at = clock_timestamp(),
  failure = $1
where ended_at is null`

const openSQL = `
insert into public.restore_drills (id, began_at, began_by)
values ($1, $2, $3)`

// open writes down that a drill begins.
func (d *Desk) open(ctx context.Context) (Drill, error) {
	if _, err := d.c.Worker.Exec(ctx, abandonSQL, leftOver); err != nil {
		return Drill{}, err
	}
	c, _ := tenon.CallerFrom(ctx)
	now := time.Now().UTC().Truncate(time.Microsecond)
	report := Drill{ID: tenon.NewID(now), Began: now, By: c.Actor}
	_, err := d.c.Worker.Exec(ctx, openSQL, report.ID, report.Began, report.By)
	return report, err
}

const saveSQL = `
update public.restore_drills
set ended_at = $2,
  passed = $3,
  failure = $4,
  snapshot_at = $5,
  verified_at = $6,
  tables = $7,
  rows = $8,
  dump_bytes = $9,
  steps = $10
where id = $1`

// save writes down how far a drill has come.
func (d *Desk) save(ctx context.Context, r Drill) error {
	steps := r.Steps
	if steps == nil {
		steps = []Step{}
	}
	_, err := d.c.Worker.Exec(ctx, saveSQL, r.ID, null(r.Ended), r.Passed, r.Failure, null(r.SnapshotAt), null(r.VerifiedAt),
		r.Tables, r.Rows, r.DumpBytes, steps)
	return err
}

func null(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

const listSQL = `
select id::text, began_at, began_by, ended_at, passed, failure, snapshot_at, verified_at, tables, rows, dump_bytes, steps
from public.restore_drills
order by began_at desc
limit $1`

// sweepSQL ends drills whose program is gone: nobody holds the lock, and yet one is under way.
const sweepSQL = `
with nobody as materialized (
  select pg_try_advisory_xact_lock(hashtextextended('transbot.restore_drill', 0)) as has_it
)
update public.restore_drills
set ended_at = clock_timestamp(),
  failure = $1
from nobody
where ended_at is null
  and has_it`

// List returns the newest drills, newest first.
func (d *Desk) List(ctx context.Context, limit int) ([]Drill, error) {
	list, err := d.list(ctx, limit)
	if err != nil || len(list) == 0 || !list[0].Running() {
		return list, err
	}
	if _, err := d.c.Worker.Exec(ctx, sweepSQL, leftOver); err != nil {
		return nil, err
	}
	return d.list(ctx, limit)
}

func (d *Desk) list(ctx context.Context, limit int) ([]Drill, error) {
	rows, err := d.c.Worker.Query(ctx, listSQL, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

func scan(row pgx.CollectableRow) (r Drill, err error) {
	var ended, snapshot, verified *time.Time
	err = row.Scan(&r.ID, &r.Began, &r.By, &ended, &r.Passed, &r.Failure, &snapshot, &verified,
		&r.Tables, &r.Rows, &r.DumpBytes, &r.Steps)
	for _, t := range []struct {
		to   *time.Time
		from *time.Time
	}{{&r.Ended, ended}, {&r.SnapshotAt, snapshot}, {&r.VerifiedAt, verified}} {
		if t.from != nil {
			*t.to = t.from.UTC()
		}
	}
	return r, err
}

// ErrNever says that there was no drill yet.
var ErrNever = fmt.Errorf("restore drill %w", tenon.ErrNotFound)

// Last returns the newest drill; ErrNever when there was none.
func (d *Desk) Last(ctx context.Context) (Drill, error) {
	list, err := d.List(ctx, 1)
	if err == nil && len(list) == 0 {
		err = ErrNever
	}
	if err != nil {
		return Drill{}, err
	}
	return list[0], nil
}

// errInterrupted ends a drill whose program is told to stop.
var errInterrupted = errors.New("the program was told to stop")
