// Package pgtx runs a transaction as every adapter with the suffix pg does.
package pgtx

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// Beginner is what begins a transaction: a pool, a connection.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Once runs f in a transaction, which is committed when f returns nil. Otherwise, also when f panics, it is rolled back,
// whatever became of ctx, so that its connection goes back to the pool clean.
func Once(ctx context.Context, db Beginner, f func(tx pgx.Tx) error) error {
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			rollback(ctx, tx)
		}
	}()
	if err := f(tx); err != nil {
		return err
	}
	done = true
	return tx.Commit(ctx)
}

// Again runs f until it loses no race for locks, or ctx is done: then the error is of the class [tenon.ErrUnavailable].
// Lost says which errors are lost races, as pgerr.Retryable does.
func Again(ctx context.Context, lost func(err error) bool, f func() error) error {
	for {
		err := f()
		if !lost(err) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", tenon.ErrUnavailable, err)
		}
	}
}

// Run runs f in a transaction of its own, as Once does, and again while it loses races for locks, as Again does. Where db
// is a caller's transaction f runs in that, as it is, once.
func Run(ctx context.Context, db Beginner, lost func(err error) bool, f func(tx pgx.Tx) error) error {
	if tx, ok := db.(pgx.Tx); ok {
		return f(tx)
	}
	return Again(ctx, lost, func() error { return Once(ctx, db, f) })
}

func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = tx.Rollback(ctx) // the error that led here is the one to tell
}
