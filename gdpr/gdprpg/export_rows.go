package gdprpg

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/transbotai/tenon/gdpr"
)

// exported is a column of an export.
type exported struct {
	name     string
	sql      string // how it is selected
	redacted bool   // another person's
}

// redaction stands for what is another person's.
const redaction = `"[redacted]"`

// columns returns what a part holds of a table; nil when it holds nothing of it. An empty part is all of them.
func (r *read) columns(t *gdpr.Table, part gdpr.Part) []exported {
	var all []exported
	belongs := false
	for _, c := range t.Columns {
		rule, _ := r.def.ColumnRule(t.Name, c.Name)
		mine := part == "" || (rule.Whose == gdpr.Given) == (part == gdpr.PartProvided)
		if rule.Whose == gdpr.Hidden || !mine && !slices.Contains(t.Key, c.Name) {
			continue
		}
		belongs = belongs || mine
		e := exported{name: c.Name, redacted: rule.Whose == gdpr.Others}
		switch {
		case e.redacted:
			e.sql = quoted("t", c.Name) + " is null"
		case asText(c.Type):
			e.sql = quoted("t", c.Name)
		default:
			e.sql = "to_jsonb(" + quoted("t", c.Name) + ")"
		}
		all = append(all, e)
	}
	if part == gdpr.PartProvided && !belongs || part == gdpr.PartAbout && !r.about(t) {
		return nil
	}
	return all
}

// about says whether a table has columns of the part about the subject, beside those that identify rows, or no others.
func (r *read) about(t *gdpr.Table) bool {
	given := false
	for _, c := range t.Columns {
		rule, _ := r.def.ColumnRule(t.Name, c.Name)
		given = given || rule.Whose == gdpr.Given
		if (rule.Whose == gdpr.About || rule.Whose == gdpr.Others) && !slices.Contains(t.Key, c.Name) {
			return true
		}
	}
	return !given
}

// textTypes are those whose text is JSON, or becomes it without the server's help.
var textTypes = []string{
	"smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean", "text", "character", "\"char\"",
	"name", "uuid", "json", "jsonb", "timestamp", "date", "time", "bytea", "inet", "cidr", "macaddr",
}

func asText(kind string) bool {
	return !strings.HasSuffix(kind, "]") && slices.ContainsFunc(textTypes, func(one string) bool {
		rest, ok := strings.CutPrefix(kind, one)
		return ok && (rest == "" || rest[0] == '(' || rest[0] == ' ')
	})
}

// lump is how much is collected before it is written, in bytes.
const lump = 64 << 10

// rows writes the subject's rows of a table, a line each. The server sends text and does the least that it can; the rows
// become JSON here, one by one.
func (r *read) rows(ctx context.Context, t *gdpr.Table, columns []exported, write func(lines []byte, rows int64) error) error {
	selected := make([]string, len(columns))
	for i, c := range columns {
		selected[i] = c.sql
	}
	sql := fmt.Sprintf("select %s from %s t where %s", strings.Join(selected, ", "), r.from(t), r.owned(t, "t"))
	var args [][]byte
	for _, arg := range r.args() {
		args = append(args, []byte(arg.(string)))
	}
	result := r.tx.Conn().PgConn().ExecParams(ctx, sql, args, nil, nil, nil)
	err := writeRows(result, columns, write)
	if _, closeErr := result.Close(); err == nil {
		err = closeErr
	}
	return err
}

func writeRows(result *pgconn.ResultReader, columns []exported, write func(lines []byte, rows int64) error) error {
	var fields []field
	out, n := make([]byte, 0, lump+lump/4), int64(0)
	for result.NextRow() {
		if fields == nil {
			fields = fieldsOf(columns, result.FieldDescriptions())
		}
		var err error
		if out, err = appendRow(out, fields, result.Values()); err != nil {
			return err
		}
		if n++; len(out) >= lump {
			if err := write(out, n); err != nil {
				return err
			}
			out, n = out[:0], 0
		}
	}
	if len(out) == 0 {
		return nil
	}
	return write(out, n)
}

// field is a column on its way to JSON.
type field struct {
	key    []byte // with what comes before it: `{"id":` or `,"name":`
	append func(out, text []byte) ([]byte, error)
}

func fieldsOf(columns []exported, described []pgconn.FieldDescription) []field {
	fields := make([]field, len(columns))
	for i, c := range columns {
		fields[i] = field{key: append(appendString([]byte{','}, []byte(c.name)), ':'), append: appender(described[i].DataTypeOID)}
		if i == 0 {
			fields[i].key[0] = '{'
		}
		if c.redacted {
			fields[i].append = appendRedaction
		}
	}
	return fields
}

func appendRow(out []byte, fields []field, values [][]byte) (_ []byte, err error) {
	for i := range fields {
		out = append(out, fields[i].key...)
		if values[i] == nil {
			out = append(out, "null"...)
			continue
		}
		if out, err = fields[i].append(out, values[i]); err != nil {
			return nil, err
		}
	}
	if len(fields) == 0 {
		out = append(out, '{')
	}
	return append(out, '}', '\n'), nil
}

// appender returns what makes JSON of a type's text, as to_jsonb does.
func appender(oid uint32) func(out, text []byte) ([]byte, error) {
	switch oid {
	case pgtype.BoolOID:
		return appendBool
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return func(out, text []byte) ([]byte, error) { return append(out, text...), nil }
	case pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID:
		return appendNumber
	case pgtype.JSONOID:
		return appendCompact
	case pgtype.JSONBOID:
		return func(out, text []byte) ([]byte, error) { return append(out, text...), nil }
	case pgtype.TimestampOID, pgtype.TimestamptzOID:
		return func(out, text []byte) ([]byte, error) {
			return appendInstant(out, text, oid == pgtype.TimestamptzOID), nil
		}
	}
	return func(out, text []byte) ([]byte, error) { return appendString(out, text), nil }
}

// appendRedaction is told whether the value is null.
func appendRedaction(out, text []byte) ([]byte, error) {
	if string(text) == "t" {
		return append(out, "null"...), nil
	}
	return append(out, redaction...), nil
}

func appendBool(out, text []byte) ([]byte, error) {
	if string(text) == "t" {
		return append(out, "true"...), nil
	}
	return append(out, "false"...), nil
}

// appendNumber quotes what is no number of JSON: NaN, Infinity and -Infinity.
func appendNumber(out, text []byte) ([]byte, error) {
	last := text[len(text)-1]
	if last >= '0' && last <= '9' {
		return append(out, text...), nil
	}
	return appendString(out, text), nil
}

// appendInstant writes a time as ISO 8601 does: a T between date and time, and minutes in the offset, which is UTC's.
func appendInstant(out, text []byte, zone bool) []byte {
	out = append(out, '"')
	at := len(out)
	out = append(out, text...)
	if i := bytes.IndexByte(out[at:], ' '); i >= 0 {
		out[at+i] = 'T'
	}
	if zone {
		if i := bytes.LastIndexByte(out[at:], '+'); i >= 0 && (len(out) == at+i+3 || out[at+i+3] == ' ') {
			out = slices.Insert(out, at+i+3, ':', '0', '0')
		}
	}
	return append(out, '"')
}

// appendCompact writes a document on one line.
func appendCompact(out, text []byte) ([]byte, error) {
	if bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') < 0 && json.Valid(text) {
		return append(out, text...), nil
	}
	b := bytes.NewBuffer(out)
	err := json.Compact(b, text)
	return b.Bytes(), err
}

const digits = "0123456789abcdef"

// appendString writes text as a JSON string.
func appendString(out, text []byte) []byte {
	if !utf8.Valid(text) { // of a database that does not look after its encoding
		text = bytes.ToValidUTF8(text, []byte("\ufffd"))
	}
	out = append(out, '"')
	from := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		out = append(out, text[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\n':
			out = append(out, '\\', 'n')
		case '\t':
			out = append(out, '\\', 't')
		case '\r':
			out = append(out, '\\', 'r')
		default:
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	out = append(out, text[from:]...)
	return append(out, '"')
}
