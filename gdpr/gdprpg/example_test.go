package gdprpg_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// connect returns a connection to a database with tenon's tables and two companies, and what ends both.
func connect(ctx context.Context) (*pgx.Conn, func()) {
	server, err := pgtest.Start(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, server.URL("postgres"))
	if err == nil {
		err = migrations.Apply(ctx, conn, migrations.GDPR)
	}
	if err == nil {
		_, err = conn.Exec(ctx, officeSQL)
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
	host := gdprpg.NewHost(db, gdprpg.HostOptions{Company: officeDefinition(), Secret: gdpr.NewSecret("keep it safe")})
	everybody := func(context.Context, gdpr.Asked) error { return nil }
	desk := gdpr.NewDesk(gdprpg.New(db, nil), host, everybody, &gdpr.Options{Grace: -1})

	staff := tenon.WithCaller(ctx, tenon.Caller{Actor: "dpo"})
	r, err := desk.Ask(staff, gdpr.Order{Kind: gdpr.KindErasure, Subject: tenon.Subject{Tenant: "acme"}})
	if err == nil {
		r, err = desk.Verify(staff, r.Key, "called back")
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.State, r.Step("mark").Rows)
	if err := desk.Round(ctx); err != nil { // as Run does
		log.Fatal(err)
	}
	var left int
	if err := db.QueryRow(ctx, "select count(*) from users where company_id = 'acme'").Scan(&left); err != nil {
		log.Fatal(err)
	}
	fmt.Println("left:", left)
	// Output:
	// marked map[public.companies:1 public.users:24]
	// left: 0
}

func ExampleNewPacker() {
	ctx := context.Background()
	db, end := connect(ctx)
	defer end()
	host := gdprpg.NewHost(db, gdprpg.HostOptions{Company: officeDefinition()})
	packer := gdprpg.NewPacker(host, &gdprpg.PackerOptions{Names: map[string]string{"public.companies": "company", "public.users": "users"}})

	var archive bytes.Buffer
	if _, err := packer.Pack(ctx, tenon.Subject{Tenant: "acme"}, &archive); err != nil {
		log.Fatal(err)
	}
	manifest, err := gdpr.ReadArchive(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range manifest.Files {
		fmt.Println(f.Name, f.Rows)
	}
	// Output:
	// schema.json 0
	// provided/public.companies.jsonl 1
	// provided/public.users.jsonl 25
	// about/public.companies.jsonl 1
	// about/public.users.jsonl 25
}
