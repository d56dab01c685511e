package control

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

// The looks that are taken by the clock and kept.
const (
	Smoke      = "smoke"
	Objectives = "objectives"
	Billing    = "billing"
	Isolation  = "isolation"
)

// job is a look that is taken every so often, by one instance at a time.
type job struct {
	name  string
	every time.Duration
	first time.Duration // after the program's start, which may have brought another version
	again time.Duration // after one that failed; 0: as after one that passed
	look  func(context.Context) (Finding, error)
}

// Finding is what a look found.
type Finding struct {
	Passed bool
	Says   string // in a line
	Steps  []Step
}

// Step is a part of a look.
type Step struct {
	Name   string
	Passed bool
	Says   string
	Took   time.Duration
}

// Run is a look that was taken.
type Run struct {
	At   time.Time
	By   string
	Took time.Duration
	Finding
}

// lookWithin bounds a look, and keepWithin the writing down of what was found. An instance that dies in the middle of
// one has had its turn when both are over.
const (
	lookWithin = 40 * time.Second
	keepWithin = 5 * time.Second
)

// Jobs are the desk's work in the background.
func (d *Desk) Jobs() map[string]func(context.Context) error {
	all := map[string]func(context.Context) error{}
	for _, j := range d.jobs {
		all["control "+j.name] = func(ctx context.Context) error { return d.repeat(ctx, j) }
	}
	return all
}

// turnEvery is how often an instance asks whether it is its turn.
const turnEvery = time.Second

// repeat takes the look whenever it is due, until ctx is done.
func (d *Desk) repeat(ctx context.Context, j job) error {
	ctx = audit.Job(ctx, "control")
	if err := d.bringForward(ctx, j); err != nil && ctx.Err() == nil {
		d.Logger.Warn("control", "job", j.name, "err", err)
	}
	tick := time.NewTicker(turnEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := d.inTurn(ctx, j, true); err != nil && ctx.Err() == nil && !errors.Is(err, errNotDue) {
				d.Logger.Warn("control", "job", j.name, "err", err)
			}
		}
	}
}

// Look takes a look now. [tenon.ErrConflict] when it is being taken.
func (d *Desk) Look(ctx context.Context, name string) error {
	i := slices.IndexFunc(d.jobs, func(j job) bool { return j.name == name })
	if i < 0 {
		return tenon.Invalid("look", "is not one that is taken here")
	}
	err := d.inTurn(ctx, d.jobs[i], false)
	if errors.Is(err, errNotDue) {
		return tenon.ErrConflict
	}
	return err
}

// errNotDue says that it is another's turn, or nobody's.
var errNotDue = errors.New("not due")

// A start brings the next turn forward, so that what was just deployed is looked at.
const bringForwardSQL = `
insert into public.control_turns (job, next_at, busy_until)
values ($1, clock_timestamp() + $2::interval, '-infinity')
on conflict (job) do update
set next_at = least(control_turns.next_at, excluded.next_at)`

func (d *Desk) bringForward(ctx context.Context, j job) error {
	_, err := d.Pool.Exec(ctx, bringForwardSQL, j.name, j.first)
	return err
}

const takeTurnSQL = `
insert into public.control_turns as t (job, next_at, busy_until)
values ($1, clock_timestamp() + $2::interval, clock_timestamp() + $3::interval)
on conflict (job) do update
set next_at = excluded.next_at, busy_until = excluded.busy_until
where t.busy_until <= clock_timestamp()
  and (t.next_at <= clock_timestamp() or not $4)`

const endTurnSQL = `
update public.control_turns
set busy_until = '-infinity',
  next_at = case when $2::interval > interval '0' then least(next_at, clock_timestamp() + $2::interval) else next_at end
where job = $1`

// inTurn takes the look unless it is being taken, or is not due where that matters.
func (d *Desk) inTurn(ctx context.Context, j job, due bool) error {
	tag, err := d.Pool.Exec(ctx, takeTurnSQL, j.name, j.every, d.lookWithin+keepWithin, due)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return errNotDue
	}
	ctx = context.WithoutCancel(ctx)
	looking, cancel := context.WithTimeout(ctx, d.lookWithin)
	defer cancel()
	began := time.Now()
	found, err := j.look(looking)
	if err != nil {
		found = Finding{Says: err.Error(), Steps: found.Steps}
	}
	keeping, cancel := context.WithTimeout(ctx, keepWithin) // a look that took too long is one that failed, and is kept
	defer cancel()
	c, _ := tenon.CallerFrom(ctx)
	err = d.keep(keeping, j.name, Run{At: began, By: c.Actor, Took: time.Since(began), Finding: found})
	again := j.again
	if found.Passed {
		again = 0
	}
	_, ended := d.Pool.Exec(keeping, endTurnSQL, j.name, again)
	return errors.Join(err, ended)
}

// keptRuns is how many looks of a job are kept.
const keptRuns = 200

const keepRunSQL = `
with old as (
  delete from public.control_runs
  where id in (select id from public.control_runs where job = $2 order by at desc offset $8)
)
insert into public.control_runs (id, job, at, by_whom, passed, took_ms, found)
values ($1, $2, $3, $4, $5, $6, $7)`

func (d *Desk) keep(ctx context.Context, name string, r Run) error {
	found, err := json.Marshal(r.Finding)
	if err != nil {
		return err
	}
	_, err = d.Pool.Exec(ctx, keepRunSQL, tenon.NewID(r.At), name, r.At, r.By, r.Passed, float64(r.Took)/float64(time.Millisecond),
		json.RawMessage(found), keptRuns-1)
	return err
}

const selectRunsSQL = `
select at, by_whom, took_ms, found
from public.control_runs
where job = $1
order by at desc
limit $2`

// Runs returns the last looks of a job, the newest first.
func (d *Desk) Runs(ctx context.Context, name string, limit int) ([]Run, error) {
	rows, err := d.Pool.Query(ctx, selectRunsSQL, name, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Run, err error) {
		var took float64
		var found []byte
		if err := row.Scan(&r.At, &r.By, &took, &found); err != nil {
			return r, err
		}
		r.At, r.Took = r.At.UTC(), time.Duration(took*float64(time.Millisecond))
		return r, json.Unmarshal(found, &r.Finding)
	})
}

// last returns the newest look of a job, and false when none was taken.
func (d *Desk) last(ctx context.Context, name string) (Run, bool, error) {
	runs, err := d.Runs(ctx, name, 1)
	if err != nil || len(runs) == 0 {
		return Run{}, false, err
	}
	return runs[0], true, nil
}
