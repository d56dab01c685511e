package slopg

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
)

// Column is where a [Table] has something: [Col] or [Expr]. The zero Column is none.
type Column struct{ sql string }

// Col is a column by its name, which is quoted.
func Col(name string) Column { return Column{pgx.Identifier{name}.Sanitize()} }

// Expr is an expression of SQL over the table's columns: "status < 500". It stands in statements as it is, so it must
// not come from outside.
func Expr(sql string) Column { return Column{"(" + sql + ")"} }

// Columns says where the rows of a table have what objectives count. At is required.
type Columns struct {
	// At is when the event ended, a timestamptz. A row in which it is null, such as a task that is not finished, is
	// not counted yet. An index that begins with it is what keeps folding cheap.
	At Column
	// Good is a boolean; none means that every row is good. Null is bad.
	Good Column
	// Valid is a boolean; none means that every row counts. Null does not count.
	Valid Column
	// Duration is a number of Units, or the age of a freshness objective. A row in which it is null or NaN does not
	// count for objectives with a threshold; a negative one counts as 0.
	Duration Column
	// Unit is what one of Duration is; 0 means a millisecond.
	Unit time.Duration
	// Tenant is whose row it is, compared as text.
	Tenant Column
}

// Table is a table of the host from which events are counted. Its rows are read and never written.
type Table struct {
	name    string
	columns Columns
}

// FromTable describes a table or view by its name, with its schema: pgx.Identifier{"public", "api_requests"}. Nothing
// is asked of the database before [Store.Check].
func FromTable(name pgx.Identifier, columns Columns) Table {
	if columns.Unit == 0 {
		columns.Unit = time.Millisecond
	}
	return Table{name.Sanitize(), columns}
}

// source is a table as one objective counts it.
type source struct {
	slo.Objective
	table Table
}

// sources returns the objectives that are counted from tables.
func (s *Store) sources(objectives []slo.Objective) []source {
	var found []source
	for _, o := range objectives {
		t, ok := s.options.Tables[o.Name]
		if ok && (o.Tenant == "" || t.columns.Tenant.sql != "") {
			found = append(found, source{o, t})
		}
	}
	return found
}

// events is the statement's source of rows: at, good, and d in nanoseconds where there is a threshold. $1 and $2 bound
// the time, $3 is the tenant.
func (s source) events() (string, error) {
	c := s.table.columns
	if s.table.name == "" || c.At.sql == "" {
		return "", s.invalid("lacks a name or At")
	}
	good, d := "true", "null::float8"
	where := []string{c.At.sql + " >= $1", c.At.sql + " < $2"}
	if c.Good.sql != "" {
		good = c.Good.sql + " is true"
	}
	if s.Threshold > 0 {
		limit, err := s.limit()
		if err != nil {
			return "", err
		}
		good = c.Duration.sql + " <= " + limit
		d = fmt.Sprintf("greatest(%s::float8, 0) * %d", c.Duration.sql, c.Unit.Nanoseconds())
		where = append(where, c.Duration.sql+"::float8 <> 'NaN'")
	}
	if c.Valid.sql != "" {
		where = append(where, c.Valid.sql+" is true")
	}
	if s.Tenant != "" {
		where = append(where, c.Tenant.sql+"::text = $3")
	} else {
		where = append(where, "$3::text is not null") // names the type of a parameter that is not used
	}
	return fmt.Sprintf("select date_trunc('minute', %s, 'UTC') as minute, %s as good, %s as d\n  from %s\n  where %s",
		c.At.sql, good, d, s.table.name, strings.Join(where, "\n    and ")), nil
}

// limit is the threshold in units, written exactly.
func (s source) limit() (string, error) {
	unit := s.table.columns.Unit
	switch {
	case s.table.columns.Duration.sql == "":
		return "", s.invalid("lacks a Duration")
	case unit < 0:
		return "", s.invalid("has a negative Unit")
	case s.Threshold%unit == 0:
		return strconv.FormatInt(int64(s.Threshold/unit), 10), nil
	}
	for digits, scale := 1, int64(10); digits <= 9; digits, scale = digits+1, scale*10 {
		if n := int64(s.Threshold) * scale; n/scale == int64(s.Threshold) && n%int64(unit) == 0 {
			n /= int64(unit)
			return fmt.Sprintf("%d.%0*d", n/scale, digits, n%scale), nil
		}
	}
	return "", s.invalid("counts in units of %s, in which the threshold %s has no end", unit, s.Threshold)
}

func (s source) invalid(format string, args ...any) error {
	return tenon.Invalid("tables."+s.Name, format, args...)
}

// Check asks the database whether the objectives can be counted from their tables: it has the columns, and their types
// fit. [Store.Run] does it at start. What does not fit is a [tenon.ErrInvalid] that names the objective.
func (s *Store) Check(ctx context.Context) error {
	state, err := s.Load(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, one := range s.sources(state.Objectives) {
		errs = append(errs, s.check(ctx, one))
	}
	return errors.Join(errs...)
}

func (s *Store) check(ctx context.Context, one source) error {
	events, err := one.events()
	if err != nil {
		return err
	}
	_, err = s.db.Exec(ctx, events+"\n  limit 0", time.Time{}, time.Time{}, one.Tenant)
	if err == nil {
		err = s.checkTime(ctx, one)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && len(pg.Code) == 5 && (pg.Code[:2] == "42" || pg.Code[:2] == "22") {
		return one.invalid("%s", pg.Message)
	}
	return translate(err)
}

// checkTime refuses a time without a zone: its minutes would depend on the zone of the session.
func (s *Store) checkTime(ctx context.Context, one source) error {
	rows, err := s.db.Query(ctx, "select "+one.table.columns.At.sql+" from "+one.table.name+" limit 0")
	if err != nil {
		return err
	}
	at := rows.FieldDescriptions()
	zoned := len(at) != 1 || at[0].DataTypeOID == pgtype.TimestamptzOID
	rows.Close() // after which somebody else has the connection, and what it describes
	if err := rows.Err(); err != nil || zoned {
		return err
	}
	return one.invalid("At is no timestamptz: cast it, as in Expr(\"created_at at time zone 'UTC'\")")
}
