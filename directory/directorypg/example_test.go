package directorypg_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
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
		err = migrations.Apply(ctx, conn, migrations.Directory)
	}
	if err != nil {
		log.Fatal(err)
	}
	return conn, func() {
		_ = conn.Close(ctx)
		_ = server.Stop()
	}
}

func ExampleNew() {
	ctx := context.Background()
	db, end := connect(ctx)
	defer end()
	book := directory.NewBook(directorypg.New(db, nil), nil)
	d, err := book.Create(ctx, "acme", directory.Profile{
		Name: "Ångström Freight", Services: []string{"ltl"}, Regions: []string{"us-ca"}, Public: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := book.Submit(ctx, d.Ref, d.Version); err != nil {
		log.Fatal(err)
	}
	if _, err := book.Publish(ctx, d.Ref, d.Version); err != nil {
		log.Fatal(err)
	}
	page, err := book.Search(ctx, directory.Search{Text: "angstorm", Regions: []string{"us-ca"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(page.Results[0].NameHTML)
	// Output: <mark>Ångström</mark> Freight
}

func ExampleNew_transaction() {
	ctx := context.Background()
	db, end := connect(ctx)
	defer end()
	book := directory.NewBook(directorypg.New(db, nil), nil)
	tx, err := db.Begin(ctx)
	if err != nil {
		log.Fatal(err)
	}
	d, err := book.WithStore(directorypg.New(tx, nil)).Create(ctx, "acme", directory.Profile{Name: "One"})
	if err != nil {
		log.Fatal(err)
	}
	if err := tx.Rollback(ctx); err != nil { // what the partner belongs to was not kept
		log.Fatal(err)
	}
	_, err = book.Partner(ctx, d.Ref)
	fmt.Println(err)
	// Output: directory: partner not found
}
