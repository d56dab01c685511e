package auditpg_test

import (
	"context"
	"encoding/json"
	"fmt"
	stdlog "log"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// open returns a connection to a database with the tables, and what ends both.
func open(ctx context.Context) (*pgx.Conn, func()) {
	server, err := pgtest.Start(ctx, nil)
	if err != nil {
		stdlog.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, server.URL("postgres"))
	if err == nil {
		err = migrations.Apply(ctx, conn, migrations.Audit)
	}
	if err != nil {
		stdlog.Fatal(err)
	}
	return conn, func() {
		_ = conn.Close(ctx)
		_ = server.Stop()
	}
}

// In the caller's transaction a record is there with what it tells of, or not at all.
func ExampleNew() {
	ctx := tenon.WithCaller(context.Background(), tenon.Caller{Actor: "ann@acme.test"})
	db, end := open(ctx)
	defer end()
	trail := audit.NewLog(auditpg.New(db, nil), nil)
	for _, err := range []error{nil, fmt.Errorf("changed my mind")} {
		_ = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			_, failed := trail.WithStore(auditpg.New(tx, nil)).Record(ctx, audit.Record{
				Tenant: "acme", Action: "quote.accepted", Payload: json.RawMessage(`{"rate":1200}`),
			})
			if failed != nil {
				stdlog.Fatal(failed)
			}
			return err
		})
	}
	found, err := trail.List(ctx, audit.Query{Tenant: "acme"})
	fmt.Println(len(found), found[0].Actor, err)
	// Output: 1 ann@acme.test <nil>
}
