package auditpg_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func ExampleWatch() {
	ctx := context.Background()
	server, err := pgtest.Start(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = server.Stop() }()
	pool, err := pgxpool.New(ctx, server.URL("postgres"))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "create table public.quotes (tenant_id text, id int, price numeric, primary key (tenant_id, id))")
		return err
	})
	if err == nil {
		err = pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error { return migrations.Apply(ctx, c.Conn(), migrations.Audit) })
	}
	if err != nil {
		log.Fatal(err)
	}
	if err := auditpg.Watch(ctx, pool, "public.quotes", nil); err != nil {
		log.Fatal(err)
	}

	ctx = tenon.WithCaller(ctx, tenon.Caller{Tenant: "acme", Actor: "ann"})
	tx, err := auditpg.Begin(ctx, pool) // one round trip; says who acts
	if err != nil {
		log.Fatal(err)
	}
	for _, sql := range []string{
		"insert into quotes values ('acme', 1, 100)", "update quotes set price = 120", "update quotes set price = 120",
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			log.Fatal(err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	rows, err := pool.Query(ctx, "select actor || ' ' || action || ' ' || target || ' ' || payload from tenon.audit_log order by ts")
	if err != nil {
		log.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		log.Fatal(err)
	}
	for _, line := range lines {
		fmt.Println(line)
	}
	// Output:
	// ann INSERT public.quotes {"after": {"id": 1, "price": 100, "tenant_id": "acme"}}
	// ann UPDATE public.quotes {"after": {"price": 120}, "before": {"price": 100}}
}
