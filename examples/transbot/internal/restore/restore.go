// Package restore tries out whether the platform can be restored: it dumps the live database, restores the dump on a
// second server beside it, and compares the two.
package restore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/isolation"
	"github.com/transbotai/tenon/migrations"
)

// Config is what a [Desk] works with. All of it is required but for what says otherwise.
type Config struct {
	Owner     *pgxpool.Pool     // of the role that owns the tables: its settings are used, and none of its connections
	Worker    *pgxpool.Pool     // keeps the reports
	App       string            // the role that answers companies' requests
	Sets      []migrations.Set  // what the program needs of the schema
	Log       *audit.Log        // is told of drills, and is what is verified on the copy
	Signer    *audit.Signer     // nil: nobody vouches for the log
	Anchor    *audit.FileAnchor // nil: checkpoints are kept in the database alone
	Isolation isolation.Options // how the copy is tried for rows that cross the line
	Logger    *slog.Logger

	// MaxBytes bounds the size of the live database; 0 means 8 GiB. A drill needs twice that on disk.
	MaxBytes int64
	// Within bounds a drill; 0 means half an hour.
	Within time.Duration
	// Restored is handed the copy before it is compared. Nil: nothing happens. Tests spoil it there, to see that a drill
	// can fail.
	Restored func(ctx context.Context, copied *pgx.Conn) error
}

// Desk runs drills, one at a time among all instances, and keeps their reports.
type Desk struct {
	c       Config
	handed  chan *drill   // to Run
	stopped chan struct{} // closed when Run is over
}

// ErrUnderWay refuses a drill while another one runs.
var ErrUnderWay = fmt.Errorf("a restore drill is under way: %w", tenon.ErrConflict)

// New returns a desk.
func New(c Config) *Desk {
	if c.MaxBytes == 0 {
		c.MaxBytes = 8 << 30
	}
	if c.Within == 0 {
		c.Within = 30 * time.Minute
	}
	return &Desk{c: c, handed: make(chan *drill), stopped: make(chan struct{})}
}

// Start begins a drill and returns at once; Run does it. ErrUnderWay says that one is under way already.
func (d *Desk) Start(ctx context.Context) (Drill, error) {
	one, err := d.begin(ctx)
	if err != nil {
		return Drill{}, err
	}
	begun := one.report
	select {
	case d.handed <- one:
		return begun, nil
	case <-d.stopped:
		err = errInterrupted
	case <-ctx.Done():
		err = fmt.Errorf("%w: %w", tenon.ErrUnavailable, ctx.Err())
	}
	return one.report, one.end(ctx, err)
}

// Once runs a drill from its beginning to its end.
func (d *Desk) Once(ctx context.Context) (Drill, error) {
	one, err := d.begin(ctx)
	if err != nil {
		return Drill{}, err
	}
	err = one.run(ctx)
	return one.report, err
}

// Run does the drills that are started here until ctx is done, which breaks off the one under way.
func (d *Desk) Run(ctx context.Context) error {
	defer close(d.stopped)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case one := <-d.handed:
			if err := one.run(ctx); err != nil {
				d.c.Logger.ErrorContext(ctx, "restore drill", "err", err)
			}
		}
	}
}

const lockSQL = `
select pg_try_advisory_lock(hashtextextended('transbot.restore_drill', 0))`

// begin connects, takes the lock that lets one drill run, and writes down that it began. The lock ends with the
// connection.
func (d *Desk) begin(ctx context.Context) (*drill, error) {
	settings := d.c.Owner.Config().ConnConfig
	conn, err := pgx.ConnectConfig(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", tenon.ErrUnavailable, err)
	}
	one := &drill{Desk: d, live: conn}
	var mine bool
	if err = conn.QueryRow(ctx, lockSQL).Scan(&mine); err == nil && !mine {
		err = ErrUnderWay
	}
	if err == nil {
		one.report, err = d.open(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	return one, nil
}
