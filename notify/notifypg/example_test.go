package notifypg_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
)

// connected starts a Postgres with the outbox's tables.
func connected(ctx context.Context) (pool *pgxpool.Pool, stop func(), err error) {
	server, err := pgtest.Start(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	conn, err := pgx.Connect(ctx, server.URL("postgres"))
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close(ctx)
	if err := migrations.Apply(ctx, conn, migrations.Notify); err != nil {
		return nil, nil, err
	}
	pool, err = pgxpool.New(ctx, server.URL("postgres"))
	return pool, func() { pool.Close(); server.Stop() }, err
}

func ExampleNew() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pool, stop, err := connected(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	arrived := make(chan string)
	outbox := notify.NewOutbox(notifypg.New(pool, nil), map[string]tenon.Notifier{
		notify.DefaultDestination: notify.Func(func(_ context.Context, n tenon.Notification) error {
			arrived <- n.Title
			return nil
		}),
	}, nil)
	ended := make(chan error)
	go func() { ended <- outbox.Run(ctx) }()

	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		// What caused it is written to tx as well.
		return notifypg.New(tx, nil).Notify(ctx, tenon.Notification{
			Key: "quota/acme", Kind: "quota.reached", Tenant: "acme", Severity: tenon.SeverityWarning,
			Title: "acme has used all its quotes",
		})
	})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-arrived)
	cancel()
	fmt.Println(<-ended)
	// Output:
	// acme has used all its quotes
	// <nil>
}
