package pgtest

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Handle is what tenon's adapters are built on. A pool, a connection and a transaction satisfy it.
type Handle interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error)
}

var (
	_ Handle = (*pgxpool.Pool)(nil)
	_ Handle = (*pgx.Conn)(nil)
	_ Handle = pgx.Tx(nil)
	_ Handle = (*Faulty)(nil)
)

// Fault is what goes wrong at a step.
type Fault struct {
	kind kind
	wait time.Duration
}

type kind int

const (
	fail kind = iota + 1
	cutBefore
	cutAfter
	delay
)

var (
	// Fail answers with an error of the server (SQLSTATE 53000, insufficient resources) and sends nothing. A commit or
	// rollback that fails rolls back, as pgx does.
	Fail = Fault{kind: fail}
	// CutBefore loses the connection before the statement reaches the server.
	CutBefore = Fault{kind: cutBefore}
	// CutAfter lets the server execute the statement, then loses the answer and the connection: a commit has happened,
	// and the caller cannot know.
	CutAfter = Fault{kind: cutAfter}
)

// Delay holds the statement back for d, or until its context is done.
func Delay(d time.Duration) Fault { return Fault{kind: delay, wait: d} }

// String returns the fault's name, for the names of subtests.
func (f Fault) String() string {
	return [...]string{"no fault", "fail", "cut before", "cut after", "delay"}[f.kind]
}

// Faulty is a handle on a real database whose n-th step goes wrong, once. A step is a call of Begin, Exec, Query,
// QueryRow, SendBatch, CopyFrom, and, on the transactions that it begins, of Commit and Rollback; a Rollback after the
// end of its transaction is none. A test runs the same work for n = 1, 2, … until [Faulty.Fired] says that there was no
// n-th step.
type Faulty struct {
	handle Handle
	at     int64
	fault  Fault
	steps  *atomic.Int64
	lost   *atomic.Uint32 // the process of the server whose connection was cut
}

// NewFaulty returns a Faulty over a pool, a connection or a transaction, whose n-th step, counted from 1, suffers the
// fault. With n = 0 it only counts.
func NewFaulty(h Handle, n int, fault Fault) *Faulty {
	return &Faulty{handle: h, at: int64(n), fault: fault, steps: new(atomic.Int64), lost: new(atomic.Uint32)}
}

// Steps returns how many steps there were so far.
func (f *Faulty) Steps() int { return int(f.steps.Load()) }

// Fired tells whether the fault has happened.
func (f *Faulty) Fired() bool { return f.at > 0 && f.steps.Load() >= f.at }

// Begin begins a transaction whose statements are steps too.
func (f *Faulty) Begin(ctx context.Context) (pgx.Tx, error) {
	err := f.step(ctx, f.handle, func(h Handle) error {
		_, err := h.Begin(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	tx, err := f.handle.Begin(ctx)
	if err != nil {
		return nil, err
	}
	_, nested := f.handle.(pgx.Tx)
	return &faultyTx{Tx: tx, faulty: f.over(tx), nested: nested}, nil
}

// over returns a Faulty on another handle that counts on.
func (f *Faulty) over(h Handle) *Faulty {
	return &Faulty{handle: h, at: f.at, fault: f.fault, steps: f.steps, lost: f.lost}
}

// Exec executes a statement.
func (f *Faulty) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	err := f.step(ctx, f.handle, func(h Handle) error {
		_, err := h.Exec(ctx, sql, args...)
		return err
	})
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	return f.handle.Exec(ctx, sql, args...)
}

// Query executes a query. As with pgx, a lost answer shows in the rows' Err.
func (f *Faulty) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	err := f.step(ctx, f.handle, readAll(ctx, sql, args))
	switch {
	case err == nil:
		return f.handle.Query(ctx, sql, args...) //nolint:rowserrcheck // the caller reads it
	case f.fault.kind == cutAfter:
		return failedRows{err}, nil
	}
	return failedRows{err}, err
}

// QueryRow executes a query for one row.
func (f *Faulty) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if err := f.step(ctx, f.handle, readAll(ctx, sql, args)); err != nil {
		return failedRows{err}
	}
	return f.handle.QueryRow(ctx, sql, args...)
}

// SendBatch sends a batch, which is one step.
func (f *Faulty) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	err := f.step(ctx, f.handle, func(h Handle) error { return h.SendBatch(ctx, unheard(b)).Close() })
	if err != nil {
		return failedBatch{err}
	}
	return f.handle.SendBatch(ctx, b)
}

// CopyFrom copies rows in. After a CutAfter src is used up.
func (f *Faulty) CopyFrom(
	ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource,
) (int64, error) {
	err := f.step(ctx, f.handle, func(h Handle) error {
		_, err := h.CopyFrom(ctx, table, columns, src)
		return err
	})
	if err != nil {
		return 0, err
	}
	return f.handle.CopyFrom(ctx, table, columns, src)
}

// step counts, and at the chosen step does what the fault says. It returns nil when the statement is to go on as if
// nothing were wrong. run executes the statement to its end.
func (f *Faulty) step(ctx context.Context, h Handle, run func(Handle) error) error {
	if f.steps.Add(1) != f.at {
		return nil
	}
	switch f.fault.kind {
	case fail:
		return failure()
	case delay:
		pause(ctx, f.fault.wait)
		return nil
	}
	conn, release, err := connOf(ctx, h)
	if err != nil {
		return err
	}
	defer release()
	f.lost.Store(conn.PgConn().PID())
	if f.fault.kind == cutBefore {
		return cutThen(conn, func() error { return run(conn) })
	}
	_ = run(conn) // whatever the server said is lost
	return lose(conn)
}

func failure() error {
	return &pgconn.PgError{Severity: "ERROR", Code: "53000", Message: "insufficient resources, says the test"}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// connOf returns the connection that h uses, or one of its connections when it is a pool.
func connOf(ctx context.Context, h Handle) (conn *pgx.Conn, release func(), err error) {
	switch h := h.(type) {
	case *pgx.Conn:
		return h, func() {}, nil
	case interface {
		Acquire(context.Context) (*pgxpool.Conn, error)
	}:
		c, err := h.Acquire(ctx)
		if err != nil {
			return nil, nil, err
		}
		return c.Conn(), c.Release, nil
	case interface{ Conn() *pgx.Conn }:
		return h.Conn(), func() {}, nil
	}
	return nil, nil, fmt.Errorf("pgtest: cannot cut a %T: it has no connection", h)
}

// cutThen loses the connection and runs the statement, for the error that pgx gives in that case.
func cutThen(conn *pgx.Conn, run func() error) error {
	cut(conn)
	defer func() { // pgx has not found out where the statement's context ended first, and a pool would lend it again
		_ = conn.Close(context.Background())
	}()
	if err := run(); err != nil {
		return err
	}
	return fmt.Errorf("pgtest: a statement went through a connection that was cut")
}

// cut breaks both directions of the socket, so that pgx finds out for itself, as it does when the network goes.
func cut(conn *pgx.Conn) {
	socket := conn.PgConn().Conn()
	if half, ok := socket.(interface {
		CloseRead() error
		CloseWrite() error
	}); ok {
		_, _ = half.CloseWrite(), half.CloseRead()
		return
	}
	_ = socket.Close() // TLS
}

// lose closes the connection and returns the error of pgx for an answer that does not come.
func lose(conn *pgx.Conn) error {
	cut(conn)
	_ = conn.Close(context.Background())
	return io.ErrUnexpectedEOF
}
