package flagspg_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// connect returns a connection to a database with the tables, and what ends both.
func connect(ctx context.Context) (*pgx.Conn, func()) {
	server, err := pgtest.Start(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, server.URL("postgres"))
	if err == nil {
		err = migrations.Apply(ctx, conn, migrations.Flags)
	}
	if err != nil {
		log.Fatal(err)
	}
	return conn, func() {
		_ = conn.Close(ctx)
		_ = server.Stop()
	}
}

var bulkRating = flags.Bool("bulk_rating", false)

func ExampleNew() {
	ctx := context.Background()
	db, end := connect(ctx)
	defer end()
	set := flags.NewSet(flagspg.New(db, nil), nil)
	err := set.Declare(ctx, flags.Definition{
		Key: "bulk_rating", Type: flags.TypeBool, Tenants: map[string]string{"transbotai-demo": "on"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, tenant := range []string{"transbotai-demo", "acme"} {
		fmt.Println(tenant, bulkRating.OnFor(set, &flags.Who{Tenant: tenant}))
	}
	// Output:
	// transbotai-demo true
	// acme false
}

// A flag changes in the transaction of the contract that it belongs to, or not at all.
func ExampleNew_transaction() {
	ctx := context.Background()
	db, end := connect(ctx)
	defer end()
	set := flags.NewSet(flagspg.New(db, nil), nil)
	if err := set.Declare(ctx, flags.Definition{Key: "bulk_rating", Type: flags.TypeBool}); err != nil {
		log.Fatal(err)
	}

	tx, err := db.Begin(ctx)
	if err != nil {
		log.Fatal(err)
	}
	bound := set.WithStore(flagspg.New(tx, nil))
	_, err = bound.Edit(ctx, "bulk_rating", func(d *flags.Definition) error {
		d.Tenants = map[string]string{"acme": "on"}
		return nil
	}, "acme signed")
	if err == nil {
		err = tx.Rollback(ctx) // the contract fell through
	}
	if err != nil {
		log.Fatal(err)
	}
	if err := set.Load(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(bulkRating.OnFor(set, &flags.Who{Tenant: "acme"}))
	// Output: false
}
