package gdpr

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
)

const (
	manyTables = 140
	manyKeys   = 340
	manyRows   = 1000 // in each table, of ten companies
)

// wideSchema returns a schema of many tables: each refers to an earlier one by a key that says whose its rows are, and
// the rest of the keys lead anywhere.
func wideSchema(rows int) (string, *gdpr.Definition) {
	r := rand.New(rand.NewPCG(140, 340))
	def := &gdpr.Definition{Root: gdpr.Root{Table: "wide.t0", Key: "id"}, Schemas: []string{"wide"}, Tables: map[string]gdpr.TableRule{}}
	extra := make([][]int, manyTables)
	for range manyKeys - (manyTables - 1) {
		from := 1 + r.IntN(manyTables-1)
		extra[from] = append(extra[from], r.IntN(manyTables))
	}
	var tables, keys strings.Builder
	tables.WriteString("create schema wide;\n")
	for i := range manyTables {
		columns, values, names := "id bigint primary key, name text", "i, 'row ' || i", []string{"id", "name"}
		rule := gdpr.TableRule{Rule: gdpr.Delete}
		refer := func(column string, to int) {
			columns += fmt.Sprintf(", %s bigint", column)
			values += ", i"
			if to == 0 {
				values = strings.TrimSuffix(values, "i") + "1 + i % 10"
			}
			names = append(names, column)
			fmt.Fprintf(&keys, "alter table wide.t%d add constraint %s foreign key (%s) references wide.t%d;\n", i, column, column, to)
			fmt.Fprintf(&keys, "create index on wide.t%d (%s);\n", i, column)
		}
		if i > 0 {
			refer("owner", r.IntN(i)/3)
			columns += " not null"
			rule.OwnedBy = []string{"owner"}
		}
		for n, to := range extra[i] {
			refer(fmt.Sprintf("other%d", n), to)
		}
		rule.Columns = gdpr.Columns(gdpr.ColumnRule{}, names...)
		def.Tables[fmt.Sprintf("wide.t%d", i)] = rule
		many := rows
		if i == 0 {
			many = 10
		}
		fmt.Fprintf(&tables, "create table wide.t%d (%s);\n", i, columns)
		fmt.Fprintf(&tables, "insert into wide.t%d select %s from generate_series(1, %d) i;\n", i, values, many)
	}
	return tables.String() + keys.String() + "analyze", def
}

// compareDiscover times a plan, which discovers the schema first.
func compareDiscover(ctx context.Context, l *lab.Lab, s *report.Section) error {
	pool, err := l.Pool(ctx, "gdpr_discover")
	if err != nil {
		return err
	}
	defer pool.Close()
	schema, def := wideSchema(max(l.Size(manyRows), 10))
	if _, err := pool.Exec(ctx, schema); err != nil {
		return err
	}
	m, err := gdprpg.Discover(ctx, pool, def)
	if err != nil {
		return err
	}
	if len(m.Tables) != manyTables || len(m.References) != manyKeys {
		return fmt.Errorf("found %d tables and %d keys", len(m.Tables), len(m.References))
	}
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: def})
	l.Say("gdpr: discover and plan")
	var rows int64
	series, err := measure.Interleave(ctx, l.Rounds, func(ctx context.Context) (float64, error) {
		start := time.Now()
		plan, err := host.Plan(ctx, tenon.Subject{Tenant: "3"})
		rows = 0
		for _, w := range plan.Work {
			rows += w.Rows
		}
		return float64(time.Since(start).Microseconds()) / 1e3, err
	})
	if err != nil {
		return err
	}
	s.Samples = append(s.Samples, report.Sample{Name: "discover/plan", Unit: report.Milliseconds, Series: series[0]})
	s.Tables = append(s.Tables, report.Table{
		Title: "Discover and plan", Columns: []string{"range"},
		Text: "The catalog is walked, the definition checked, the order found, every table's rows of one company counted, and those of others that are in the way.",
		Rows: []report.Row{{
			Case:   fmt.Sprintf("%d tables, %d keys; the company has %d rows", manyTables, manyKeys, rows),
			Figure: report.Figure{Value: series[0].Median(), Unit: report.Milliseconds},
			Target: report.Target{Bound: report.AtMost, Value: 2000}, Cells: []string{report.Spread(series[0], report.Milliseconds)},
		}},
	})
	return nil
}
