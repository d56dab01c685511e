package directory

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/notify/notifypg"
)

// manySQL makes partners like the first one, each with a document like its own.
const manySQL = `
insert into tenon.directory_companies
select (c.x).*
from (
  select jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid())) as x
  from tenon.directory_companies c
  cross join generate_series(2, $1::int)) c;`

const docsSQL = `
insert into tenon.directory_docs
select (d.x).*
from (
  select jsonb_populate_record(d, jsonb_build_object('partner_id', c.id)) as x
  from tenon.directory_docs d
  join tenon.directory_companies c on c.id <> d.partner_id) d`

// compareAlerts lets documents expire on one day, each of another partner, and times how long it takes to write an alert
// for each into the outbox.
func compareAlerts(ctx context.Context, l *lab.Lab, _ *words, s *report.Section) error {
	l.Say("directory: alerts")
	n := l.Size(10_000)
	pool, err := l.Pool(ctx, "directory_alerts", migrations.Directory, migrations.Notify)
	if err != nil {
		return err
	}
	defer pool.Close()
	store := directorypg.New(pool, &directorypg.Options{Notifier: func(tx pgx.Tx) tenon.Notifier { return notifypg.New(tx, nil) }})
	book := directory.NewBook(store, &directory.Options{Timeout: time.Minute})
	series, err := measure.Interleave(ctx, l.Rounds, func(ctx context.Context) (float64, error) {
		if err := expire(ctx, pool, book, n); err != nil {
			return 0, err
		}
		start := time.Now()
		if _, err := book.Settle(ctx); err != nil {
			return 0, err
		}
		took := time.Since(start)
		told := 0
		err := pool.QueryRow(ctx, "select count(distinct key) from tenon.notifications").Scan(&told)
		if err == nil && told != n {
			err = fmt.Errorf("%d of %d documents were told", told, n)
		}
		return float64(took.Microseconds()) / 1e3, err
	})
	if err != nil {
		return err
	}
	s.Samples = append(s.Samples, report.Sample{Name: "alerts/tenon", Unit: report.Milliseconds, Series: series[0]})
	s.Tables = append(s.Tables, report.Table{
		Title: "Alerts", Text: "One process, one connection; each alert once, in the transaction that notes it.", Columns: []string{"range"},
		Rows: []report.Row{{
			Case:   fmt.Sprintf("%d documents that expire on one day are in the outbox", n),
			Figure: report.Figure{Value: series[0].Median(), Unit: report.Milliseconds},
			Target: report.Target{Bound: report.AtMost, Value: 5000}, Cells: []string{report.Spread(series[0], report.Milliseconds)},
		}},
	})
	return nil
}

// expire fills an empty directory with partners whose documents expired yesterday.
func expire(ctx context.Context, pool *pgxpool.Pool, book *directory.Book, n int) error {
	_, err := pool.Exec(ctx, "truncate tenon.directory_companies, tenon.public_partners, tenon.directory_docs, tenon.notifications")
	if err != nil {
		return err
	}
	d, err := book.Create(ctx, "acme", directory.Profile{Name: "One", Public: true})
	if err != nil {
		return err
	}
	yesterday := directory.DateOf(time.Now().UTC()).Add(-1)
	if _, err := book.AddDocument(ctx, d.Ref, directory.Document{Kind: "licence", Expires: yesterday}); err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, manySQL, pgx.QueryExecModeExec, n); err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, docsSQL); err != nil {
		return err
	}
	_, err = pool.Exec(ctx, "analyze tenon.directory_companies, tenon.directory_docs")
	return err
}
