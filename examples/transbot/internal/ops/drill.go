package ops

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
)

// Drill is a time in which the platform is broken on purpose.
type Drill struct {
	ID    string
	Began time.Time
	By    string
	Ended time.Time // zero: it is under way
}

// Broken says whether the platform is broken now.
func (d Drill) Broken() bool { return d.ID != "" && d.Ended.IsZero() }

const beginDrillSQL = `
insert into drills (id, began_at, began_by)
values ($1, clock_timestamp(), $2)
on conflict do nothing`

const endDrillSQL = `
update drills
set ended_at = clock_timestamp()
where ended_at is null`

const lastDrillSQL = `
select id::text, began_at, began_by, coalesce(ended_at, '0001-01-01 00:00:00 UTC')
from drills
order by began_at desc
limit 1`

// Break begins a drill, unless one is under way.
func (d *Desk) Break(ctx context.Context) error {
	c, _ := tenon.CallerFrom(ctx)
	_, err := d.pool.Exec(ctx, beginDrillSQL, tenon.NewID(time.Now()), c.Actor)
	return err
}

// Broken says whether a drill is under way, as far as [Desk.Traffic] has seen.
func (d *Desk) Broken() bool { return d.broken.Load() }

// Mend ends the drill.
func (d *Desk) Mend(ctx context.Context) error {
	_, err := d.pool.Exec(ctx, endDrillSQL)
	return err
}

// LastDrill returns the last drill, the zero Drill when there never was one.
func (d *Desk) LastDrill(ctx context.Context) (last Drill, err error) {
	err = d.pool.QueryRow(ctx, lastDrillSQL).Scan(&last.ID, &last.Began, &last.By, &last.Ended)
	if errors.Is(err, pgx.ErrNoRows) {
		return Drill{}, nil
	}
	last.Began, last.Ended = last.Began.UTC(), last.Ended.UTC()
	return last, err
}

// Forgive takes the time of the last drill, which must be over, out of all objectives: it was announced. The tasks that
// the drill left in the queue have a further minute to be worked off.
func (d *Desk) Forgive(ctx context.Context, reason string) error {
	last, err := d.LastDrill(ctx)
	if err != nil {
		return err
	}
	if last.ID == "" || last.Broken() {
		return tenon.ErrConflict
	}
	_, err = d.Board.Exclude(ctx, slo.Exclusion{From: last.Began, To: last.Ended.Add(2 * time.Minute), Reason: reason})
	if err != nil {
		return err
	}
	_, err = d.Board.Evaluate(ctx)
	return err
}
