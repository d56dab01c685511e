package freight

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit/auditpg"
)

// maxAttempts bounds how often a transaction that lost a race runs again.
const maxAttempts = 5

// InTx runs f in a transaction, which is kept when f says so and returns no error. One that lost a race for locks is
// run again from the start, so f has no other effect. Triggers record what it changes as done by the caller in ctx.
func InTx(ctx context.Context, db auditpg.Beginner, f func(tx pgx.Tx) (keep bool, err error)) error {
	return inTx(ctx, db, auditpg.TxOptions{}, f)
}

// InTenant is InTx for one company: where policies bind the role of db, no other company's rows are there.
func InTenant(ctx context.Context, db auditpg.Beginner, company string, f func(tx pgx.Tx) (keep bool, err error)) error {
	return inTx(ctx, db, auditpg.TxOptions{Tenant: company}, f)
}

// Read runs f on what one company's transaction sees.
func Read(ctx context.Context, db auditpg.Beginner, company string, f func(*Store) error) error {
	o := auditpg.TxOptions{Tenant: company}
	o.AccessMode = pgx.ReadOnly
	return inTx(ctx, db, o, func(tx pgx.Tx) (bool, error) { return false, f(NewStore(tx)) })
}

func inTx(ctx context.Context, db auditpg.Beginner, opts auditpg.TxOptions, f func(tx pgx.Tx) (keep bool, err error)) error {
	for attempt := 1; ; attempt++ {
		err := inTxOnce(ctx, db, opts, f)
		if !LostRace(err) || attempt == maxAttempts {
			return translate(err)
		}
	}
}

func inTxOnce(ctx context.Context, db auditpg.Beginner, opts auditpg.TxOptions, f func(tx pgx.Tx) (bool, error)) error {
	tx, err := auditpg.BeginTx(ctx, db, opts)
	if err != nil {
		return err
	}
	defer rollback(ctx, tx)
	keep, err := f(tx)
	if err != nil || !keep {
		return err
	}
	return tx.Commit(ctx)
}

// rollback ends tx whatever became of ctx; after a commit it does nothing.
func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = tx.Rollback(ctx)
}

// LostRace says whether Postgres asks to run the transaction again: 40001 serialization failure, 40P01 deadlock.
func LostRace(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// translate gives an error its class where the server or the way to it is at fault.
func translate(err error) error {
	if err == nil || errors.Is(err, tenon.ErrUnavailable) || !isAway(err) {
		return err
	}
	return fmt.Errorf("%w: %w", tenon.ErrUnavailable, err)
}

func isAway(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code[:2] { // connection, resources, operator intervention, system error
		case "08", "53", "57", "58":
			return true
		}
		return false
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err)
}
