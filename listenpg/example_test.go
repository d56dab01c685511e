package listenpg_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/listenpg"
)

func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	server, err := pgtest.Start(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Stop()
	config, err := pgx.ParseConfig(server.URL("postgres"))
	if err != nil {
		log.Fatal(err)
	}

	listener := listenpg.New(config, nil)
	said := make(chan string)
	listener.Subscribe("tenon_flags", func(payload string) { said <- payload })
	ended := make(chan error)
	go func() { ended <- listener.Run(ctx) }()

	fmt.Printf("%q: connected, reload everything\n", <-said)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "select pg_notify('tenon_flags', 'revision 7')"); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q: reload what it names\n", <-said)

	cancel()
	fmt.Println(<-ended)
	// Output:
	// "": connected, reload everything
	// "revision 7": reload what it names
	// <nil>
}
