package migrations_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// host is a set of a host's own; a service embeds its files.
var host = migrations.NewSet("host", fstest.MapFS{
	"0001_init.up.sql": {Data: []byte(`
create table tenon.readings (
  tenant_id text not null,
  id uuid not null,
  primary key (tenant_id, id)) partition by range (id);`)},
	"0001_init.down.sql": {Data: []byte(`drop table tenon.readings;`)},
})

// database starts a throwaway server and connects to it.
func database(ctx context.Context) (conn *pgx.Conn, stop func()) {
	server, err := pgtest.Start(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	conn, err = pgx.Connect(ctx, server.URL("postgres"))
	if err != nil {
		log.Fatal(err)
	}
	return conn, func() {
		conn.Close(ctx)
		server.Stop()
	}
}

func ExampleApply() {
	ctx := context.Background()
	conn, stop := database(ctx)
	defer stop()

	todo, err := migrations.Plan(ctx, conn, host)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range todo {
		fmt.Println(p.Set, p.File)
	}
	fmt.Println(migrations.Apply(ctx, conn, host))
	fmt.Println(migrations.Apply(ctx, conn, host), "again")
	fmt.Println(migrations.Down(ctx, conn, host, 0))
	// Output:
	// core 0001_init.up.sql
	// core 0002_guard.up.sql
	// host 0001_init.up.sql
	// <nil>
	// <nil> again
	// <nil>
}

func ExampleGrants() {
	ctx := context.Background()
	conn, stop := database(ctx)
	defer stop()
	if err := migrations.Apply(ctx, conn, host); err != nil {
		log.Fatal(err)
	}

	printed, err := migrations.Grants(ctx, conn, migrations.Roles{App: "app", Worker: "worker"})
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(printed) {
		if strings.Contains(line, "readings") {
			fmt.Print(line)
		}
	}
	// Output:
	// grant delete, insert, select, update on table tenon.readings to "app";
	// grant delete, insert, select, update on table tenon.readings to "worker";
}

func ExampleEnableRLS() {
	ctx := context.Background()
	conn, stop := database(ctx)
	defer stop()
	if _, err := conn.Exec(ctx, "create role app login; create role worker login"); err != nil {
		log.Fatal(err)
	}

	roles := migrations.Roles{App: "app", Worker: "worker"}
	fmt.Println(migrations.Apply(ctx, conn, host))
	fmt.Println(migrations.ApplyGrants(ctx, conn, roles))
	fmt.Println(migrations.EnableRLS(ctx, conn, roles))
	if _, err := conn.Exec(ctx, "set role app"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(migrations.CheckNotFiltered(ctx, conn))
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// migrations: role "app" works across tenants and has no policy "using (true)" on tenon.readings; connect as the worker role, or call EnableRLS with this role as Worker: filtered by row level security: denied
}

func ExampleEnsurePartitions() {
	ctx := context.Background()
	conn, stop := database(ctx)
	defer stop()
	if err := migrations.Apply(ctx, conn, host); err != nil {
		log.Fatal(err)
	}

	from := time.Date(2031, 12, 24, 0, 0, 0, 0, time.UTC)
	missing, err := migrations.MissingPartitions(ctx, conn, "readings", from, 1)
	fmt.Println(missing, err)
	fmt.Println(migrations.EnsurePartitions(ctx, conn, "readings", from, 1))
	missing, err = migrations.MissingPartitions(ctx, conn, "readings", from, 1)
	fmt.Println(missing, err)
	// Output:
	// [readings_y2031m12 readings_y2032m01] <nil>
	// <nil>
	// [] <nil>
}
