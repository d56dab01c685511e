package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/examples/load/internal/agree"
	"github.com/transbotai/tenon/examples/load/internal/house"
	"github.com/transbotai/tenon/examples/load/internal/traffic"
)

// errDisagree says that answers and database do not agree; what does not has been printed.
var errDisagree = errors.New("answers and database do not agree")

// settleWithin bounds how long requests without an answer are asked again.
const settleWithin = 20 * time.Minute

func run(ctx context.Context, c config, stdout, stderr io.Writer) (err error) {
	var platform *house.House
	if len(c.urls) == 0 {
		fmt.Fprintf(stdout, "building and starting %d transbot on a Postgres of their own\n", c.instances)
		platform, err = house.Open(ctx, house.Options{Instances: c.instances, Build: c.build, Log: stderr})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, platform.Close()) }()
		c.urls, c.database = platform.Addresses(), platform.Postgres.URL("postgres")
	}
	pool, err := pgxpool.New(ctx, c.database)
	if err != nil {
		return err
	}
	defer pool.Close()
	s := &session{config: c, pool: pool, platform: platform, out: stdout}
	return s.run(ctx)
}

// session is one run against a service that is up.
type session struct {
	config
	pool     *pgxpool.Pool
	platform *house.House // nil: somebody else's
	out      io.Writer
}

func (s *session) run(ctx context.Context) error {
	book, err := s.fill(ctx)
	if err != nil {
		return err
	}
	return s.compare(ctx, book)
}

// fill lets companies ask, and returns what is to be compared.
func (s *session) fill(ctx context.Context) (*agree.Book, error) {
	name := fmt.Sprintf("load-%d", time.Now().UnixMilli())
	fmt.Fprintf(s.out, "%d companies, %s-000 and so on; seed %d\n", s.tenants, name, s.seed)
	tenants, err := traffic.Prepare(ctx, s.pool, name, s.tenants)
	if err != nil {
		return nil, err
	}
	t, err := traffic.New(tenants, traffic.Options{
		Houses: s.urls, Seed: s.seed, Requests: s.requests, For: s.length, Rate: s.rate, Callers: s.callers, Patience: s.patience,
	})
	if err != nil {
		return nil, err
	}
	book := &agree.Book{Pool: s.pool, Tenants: tenants, Began: time.Now()}
	return book, s.ask(ctx, t, book)
}

// ask lets the companies ask, and prints what they were answered.
func (s *session) ask(ctx context.Context, t *traffic.Traffic, book *agree.Book) error {
	if err := t.Await(ctx); err != nil {
		return err
	}
	faults := s.breakThings(ctx)
	took := t.Run(ctx)
	if err := faults.end(ctx); err != nil {
		return err
	}
	faults.fill(book)
	asked(s.out, book.Tenants, took)
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	unknown, err := t.Resolve(ctx)
	if unknown > 0 {
		fmt.Fprintf(s.out, "%d requests whose outcome was not known were sent again\n", unknown)
	}
	return err
}

// compare prints what agrees and what does not.
func (s *session) compare(ctx context.Context, book *agree.Book) error {
	lines, err := book.Await(ctx, s.agree)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, "\nin the database = as answered")
	agreed := true
	for _, l := range lines {
		fmt.Fprintln(s.out, l)
		agreed = agreed && l.OK()
	}
	report, err := audit.NewLog(auditpg.New(s.pool, nil), nil).Verify(ctx)
	if err == nil {
		err = report.Err()
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "  the audit log's %d records are as they were sealed\n", report.Checked)
	if !agreed {
		return errDisagree
	}
	return nil
}
