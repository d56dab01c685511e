package auditpg

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

// columns are those of an entry, in the order of a row: first the usual ones, then those that are mostly empty.
const (
	columns = usualColumns + `, more_targets, key, salts, redacted, redacted_by`

	usualColumns = `tenant_id, id, ts, actor, on_behalf_of, action, target, target_id, outcome, payload, ip_address, ` +
		`user_agent, request_id, trace_id, seed`
)

var columnNames = strings.Split(columns, ", ")

// usual is how many columns are usual.
const usual = 15

// isUsual says whether the other columns are empty.
func isUsual(e *audit.Entry) bool {
	return len(e.Targets) <= 1 && e.Key == "" && e.Seed != nil && e.Salts == nil && e.Redacted == nil && e.RedactedBy == ""
}

// values returns an entry as a row.
func values(e *audit.Entry) ([]any, error) {
	id, err := parseID(e.ID)
	if err != nil {
		return nil, err
	}
	var first audit.Target
	if len(e.Targets) > 0 {
		first = e.Targets[0]
	}
	more, err := document(len(e.Targets) > 1, func() any { return e.Targets[1:] })
	if err != nil {
		return nil, err
	}
	salts, err := document(e.Salts != nil, func() any { return e.Salts })
	if err != nil {
		return nil, err
	}
	redacted, err := document(e.Redacted != nil, func() any { return e.Redacted })
	if err != nil {
		return nil, err
	}
	var by pgtype.UUID
	if e.RedactedBy != "" {
		parsed, err := parseID(e.RedactedBy)
		if err != nil {
			return nil, err
		}
		by = uuid(parsed)
	}
	return []any{
		e.Tenant, uuid(id), e.At, e.Actor, e.OnBehalfOf, e.Action, first.Type, first.ID, string(e.Outcome), e.Payload,
		e.IP, e.UserAgent, e.RequestID, e.TraceID, e.Seed, more, e.Key, salts, redacted, by,
	}, nil
}

// document returns a value as JSON, or nothing.
func document(there bool, value func() any) (json.RawMessage, error) {
	if !there {
		return nil, nil
	}
	return audit.JSON(value())
}

// parseID reads an id in its usual form.
func parseID(text string) (id [16]byte, err error) {
	bad := tenon.Invalid("id", "not a UUID in its usual form")
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return id, bad
	}
	var digits [32]byte
	n := copy(digits[:], text[:8])
	n += copy(digits[n:], text[9:13])
	n += copy(digits[n:], text[14:18])
	n += copy(digits[n:], text[19:23])
	copy(digits[n:], text[24:])
	if _, err := hex.Decode(id[:], digits[:]); err != nil {
		return id, bad
	}
	return id, nil
}

// uuid is an id as an argument, whose type pgx knows in every mode of execution.
func uuid(id [16]byte) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

// xid is a transaction id as an argument: a text that SQL casts, since the type of a number of 64 bits without a sign is
// another in some modes of execution.
func xid(x uint64) string { return strconv.FormatUint(x, 10) }

// formatID writes an id in its usual form.
func formatID(id [16]byte) string {
	var s [36]byte
	hex.Encode(s[0:8], id[0:4])
	hex.Encode(s[9:13], id[4:6])
	hex.Encode(s[14:18], id[6:8])
	hex.Encode(s[19:23], id[8:10])
	hex.Encode(s[24:36], id[10:16])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

// row is what an entry is read from.
type row struct {
	id                    [16]byte
	ts                    pgtype.Timestamptz
	target                audit.Target
	more, salts, redacted []byte
	by                    *[16]byte
	into                  []any // pointers to all of an entry, in the order of columns, and to what else is read
}

// readInto says where the columns of the next row go.
func (r *row) readInto(e *audit.Entry) {
	*e = audit.Entry{}
	r.target, r.more, r.salts, r.redacted, r.by = audit.Target{}, nil, nil, nil, nil
	copy(r.into, []any{
		&e.Tenant, &r.id, &r.ts, &e.Actor, &e.OnBehalfOf, &e.Action, &r.target.Type, &r.target.ID, (*string)(&e.Outcome),
		(*[]byte)(&e.Payload), &e.IP, &e.UserAgent, &e.RequestID, &e.TraceID, &e.Seed, &r.more, &e.Key, &r.salts, &r.redacted, &r.by,
	})
}

func newRow(more ...any) *row {
	return &row{into: append(make([]any, len(columnNames)), more...)}
}

// scan reads a row into e, which shares nothing with the next one.
func (r *row) scan(rows pgx.Rows, e *audit.Entry) error {
	r.readInto(e)
	if err := rows.Scan(r.into...); err != nil {
		return err
	}
	e.ID, e.At = formatID(r.id), r.ts.Time.UTC()
	if r.target != (audit.Target{}) || r.more != nil {
		e.Targets = []audit.Target{r.target}
	}
	if r.by != nil {
		e.RedactedBy = formatID(*r.by)
	}
	return r.documents(e)
}

// documents reads the columns that are JSON, and mostly null.
func (r *row) documents(e *audit.Entry) error {
	if r.ts.InfinityModifier != pgtype.Finite {
		return unreadable(e, errNotAsWritten)
	}
	if r.more != nil {
		var more []audit.Target
		if err := asWritten(r.more, &more); err != nil || len(more) == 0 {
			return unreadable(e, cmp.Or(err, errNotAsWritten))
		}
		e.Targets = append(e.Targets, more...)
	}
	if r.salts != nil {
		if err := asWritten(r.salts, &e.Salts); err != nil {
			return unreadable(e, err)
		}
	}
	if r.redacted != nil {
		if err := asWritten(r.redacted, &e.Redacted); err != nil {
			return unreadable(e, err)
		}
	}
	return nil
}

var errNotAsWritten = errors.New("it holds what nobody writes there")

// asWritten reads a document, and refuses one that v is not written as: no leaf would tell.
func asWritten(document []byte, v any) error {
	if err := json.Unmarshal(document, v); err != nil {
		return err
	}
	again, err := audit.JSON(v)
	if err != nil {
		return err
	}
	var was, is any
	if err := errors.Join(json.Unmarshal(document, &was), json.Unmarshal(again, &is)); err != nil {
		return err
	}
	if was == nil || !reflect.DeepEqual(was, is) {
		return errNotAsWritten
	}
	return nil
}
