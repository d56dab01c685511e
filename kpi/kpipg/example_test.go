package kpipg_test

import (
	"context"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
	"github.com/transbotai/tenon/migrations"
)

func ExampleNew() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = migrations.Apply(ctx, conn.Conn(), migrations.KPI)
	conn.Release()
	if err != nil {
		fmt.Println(err)
		return
	}
	store := kpipg.New(pool, nil)
	tracker, board := kpi.NewTracker(store, nil), kpi.NewBoard(store, nil)
	if err := board.Define(ctx, kpi.QuoteBook("America/Chicago")); err != nil {
		fmt.Println(err)
		return
	}

	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		// … the quote itself, in the same transaction …
		_, err := tracker.WithStore(kpipg.New(tx, nil)).Track(ctx, kpi.Event{
			Tenant: "acme", Name: "quote_sent", Key: "quote_sent/17", Properties: map[string]any{"quote_id": "17"},
		})
		return err
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := board.Read(ctx, kpi.Query{KPI: kpi.QuoteBookName, Tenant: "acme", Last: 7})
	fmt.Println(report.Total.Sample, err)
}
