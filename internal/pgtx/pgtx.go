// Package pgtx runs a transaction as every adapter with the suffix pg does.
package pgtx

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
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

func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = tx.Rollback(ctx) // the error that led here is the one to tell
}
