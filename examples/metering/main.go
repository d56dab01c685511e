// Command metering makes a quote and counts it in one transaction: both are there or neither, whatever fails between.
//
//	DATABASE_URL=postgres://… go run ./examples/metering acme 3
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
)

func main() {
	if len(os.Args) != 3 {
		fail(errors.New("usage: metering tenant lanes"))
	}
	if err := run(context.Background(), os.Getenv("DATABASE_URL"), os.Args[1], os.Args[2], os.Stdout); err != nil {
		fail(err)
	}
}

func run(ctx context.Context, url, tenant, lanes string, out io.Writer) error {
	n, err := strconv.ParseInt(lanes, 10, 64)
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	gate := entitlements.NewGate(entitlementspg.New(pool, nil), nil)
	var d entitlements.Decision
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		d, err = makeQuote(ctx, gate, tx, tenant, n)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, d.Text())
	return nil
}

const quoteSQL = `
insert into public.quotes (tenant_id, lanes)
values ($1, $2)
returning id::text`

// makeQuote inserts a quote and counts its lanes. A refusal writes nothing and leaves tx usable: it is a value, and no
// error that would abort the transaction.
func makeQuote(ctx context.Context, gate *entitlements.Gate, tx pgx.Tx, tenant string, lanes int64) (entitlements.Decision, error) {
	bound := gate.WithStore(entitlementspg.New(tx, nil))
	d, err := bound.Consume(ctx, entitlements.Use{Tenant: tenant, Feature: "rates", Quantity: lanes})
	if err != nil || !d.Allowed {
		return d, err
	}
	var id string
	return d, tx.QueryRow(ctx, quoteSQL, tenant, lanes).Scan(&id)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
