package isolation_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/audit/isolation"
	"github.com/transbotai/tenon/internal/pgtest"
)

// start returns connections of the tables' owner and of the role that serves requests, and what ends it all.
func start(ctx context.Context) (owner, app *pgxpool.Pool, end func()) {
	server, err := pgtest.Start(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	if owner, err = pgxpool.New(ctx, server.URL("postgres")); err == nil {
		_, err = owner.Exec(ctx, `
create role app login;
create table public.orders (tenant_id text, id int, primary key (tenant_id, id));
insert into public.orders values ('acme', 1), ('bolt', 1);
grant select, insert on public.orders to app`, pgx.QueryExecModeSimpleProtocol)
	}
	if err != nil {
		log.Fatal(err)
	}
	config := owner.Config()
	config.ConnConfig.User = "app"
	if app, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		log.Fatal(err)
	}
	return owner, app, func() {
		app.Close()
		owner.Close()
		_ = server.Stop()
	}
}

func ExampleReport() {
	ctx := context.Background()
	owner, app, end := start(ctx)
	defer end()
	before, err := isolation.Report(ctx, owner, app, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(before.Verdict().Outcome)
	for _, f := range before.Findings {
		fmt.Println(f)
	}
	if err := isolation.Enable(ctx, owner, "public.orders", "tenant_id"); err != nil {
		log.Fatal(err)
	}
	after, err := isolation.Report(ctx, owner, app, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(after.Verdict().Outcome, after.CrossRows)
	// Output:
	// fail
	// public.orders: has no policy for insert, which the role may do
	// public.orders: has no policy for select, which the role may do
	// public.orders: row level security is off
	// public.orders: row level security does not bind the owner
	// public.orders: the role can insert a row of another tenant's (rows: 3)
	// public.orders: the role can read another tenant's rows (rows: 3)
	// public.orders: the role can read rows while no tenant is named (rows: 5)
	// pass 0
}
