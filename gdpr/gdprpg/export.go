package gdprpg

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtx"
)

// PackerOptions of a [Packer]. The zero value of each field has the documented meaning.
type PackerOptions struct {
	// Inside are exporters of the same database, by name, which read in the export's own snapshot:
	//
	//	"entitlements": func(tx pgx.Tx) tenon.Exporter { return entitlementspg.New(tx, nil) },
	Inside map[string]func(tx pgx.Tx) tenon.Exporter
	// Outside are exporters of what lies elsewhere, by name.
	Outside map[string]tenon.Exporter
	// Names are what tables are called in a document, by the name that they have in a definition or in a row of an
	// exporter: {"public.companies": "company"}. The others keep their own.
	Names map[string]string
}

// Packer makes exports of the host's own tables, by the definitions of a [Host].
type Packer struct {
	host    *Host
	options PackerOptions
}

var _ gdpr.Packer = (*Packer)(nil)

// NewPacker returns a packer. The host must be on a pool: an export is a transaction of its own, with one snapshot.
func NewPacker(h *Host, opts *PackerOptions) *Packer {
	p := &Packer{host: h}
	if opts != nil {
		p.options = *opts
	}
	return p
}

// snapshotSQL begins an export. What values look like as text does not depend on the server's settings.
const snapshotSQL = `
set transaction isolation level repeatable read, read only`

const settingsSQL = `
select transaction_timestamp(),
  set_config('timezone', 'UTC', true),
  set_config('datestyle', 'ISO, YMD', true),
  set_config('intervalstyle', 'iso_8601', true),
  set_config('bytea_output', 'hex', true),
  set_config('extra_float_digits', '1', true)`

// read is one view of the database, in which an export is made.
type read struct {
	*Packer
	tx pgx.Tx
	*atlas
	at time.Time
}

// view runs f in a snapshot.
func (p *Packer) view(ctx context.Context, s tenon.Subject, f func(r *read) error) error {
	if _, bound := p.host.db.(pgx.Tx); bound {
		return fmt.Errorf("gdpr: %w", tenon.Invalid("db", "is a transaction, which has no snapshot of its own"))
	}
	return translate(pgtx.Once(ctx, p.host.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, snapshotSQL); err != nil {
			return err
		}
		r := &read{Packer: p, tx: tx}
		var ignored string
		err := tx.QueryRow(ctx, settingsSQL).Scan(&r.at, &ignored, &ignored, &ignored, &ignored, &ignored)
		if err != nil {
			return err
		}
		r.at = tenon.Instant(r.at)
		if r.atlas, err = p.host.atlas(ctx, tx, s); err != nil {
			return err
		}
		if err := r.readable(ctx, tx); err != nil {
			return err
		}
		return f(r)
	}))
}

// Pack implements [gdpr.Packer]. Rows of the host's tables come as they lie: a line for each, in the parts that their
// columns belong to, with the columns that identify the row in both. What exporters yield is data about the subject.
func (p *Packer) Pack(ctx context.Context, s tenon.Subject, w io.Writer) (m gdpr.Manifest, err error) {
	err = p.view(ctx, s, func(r *read) error {
		mentions, err := r.mentions(ctx)
		if err != nil {
			return err
		}
		a := gdpr.NewArchive(w, gdpr.Manifest{Tenant: s.Tenant, User: s.User, At: r.at, Mentions: mentions})
		if err := r.pack(ctx, a); err != nil {
			a.Abort()
			return err
		}
		m, err = a.Close()
		return err
	})
	return m, err
}

func (r *read) pack(ctx context.Context, a *gdpr.Archive) error {
	if err := a.Document("schema.json", r.schema()); err != nil {
		return err
	}
	for _, part := range []gdpr.Part{gdpr.PartProvided, gdpr.PartAbout} {
		for _, t := range r.tables() {
			c := r.columns(t, part)
			if c == nil {
				continue
			}
			name := fmt.Sprintf("%s/%s.jsonl", part, safe(t.Name))
			if err := a.Create(gdpr.Entry{Name: name, Table: t.Name, Part: part}); err != nil {
				return err
			}
			if err := r.rows(ctx, t, c, a.Write); err != nil {
				return err
			}
		}
	}
	return r.satellites(ctx, func(satellite string, first bool, row tenon.Row) error {
		if first {
			name := fmt.Sprintf("%s/%s/%s.jsonl", gdpr.PartAbout, safe(satellite), safe(row.Table))
			if err := a.Create(gdpr.Entry{Name: name, Table: row.Table, Part: gdpr.PartAbout}); err != nil {
				return err
			}
		}
		line, err := appendCompact(nil, row.Data)
		if err != nil {
			return fmt.Errorf("gdpr: a row of %s: %w", row.Table, err)
		}
		return a.Write(append(line, '\n'), 1)
	})
}

// safe makes a name of a table one of a file, which nobody takes for a path.
func safe(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, name)
}

// tables are the subject's own, the root first.
func (r *read) tables() []*gdpr.Table {
	var own []*gdpr.Table
	for i := range r.m.Tables {
		t := &r.m.Tables[i]
		switch {
		case t.Relation != gdpr.Owned:
		case t.Name == r.m.Root.Table:
			own = slices.Insert(own, 0, t)
		default:
			own = append(own, t)
		}
	}
	return own
}

// satellites yields what exporters keep, those inside first, by their names. First says that a row begins a table.
func (r *read) satellites(ctx context.Context, yield func(satellite string, first bool, row tenon.Row) error) error {
	for _, name := range slices.Sorted(maps.Keys(r.options.Inside)) {
		if err := each(ctx, name, r.options.Inside[name](r.tx), r.subject, yield); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.options.Outside)) {
		if err := each(ctx, name, r.options.Outside[name], r.subject, yield); err != nil {
			return err
		}
	}
	return nil
}

func each(
	ctx context.Context, name string, e tenon.Exporter, s tenon.Subject, yield func(string, bool, tenon.Row) error,
) error {
	table := ""
	for row, err := range e.Export(ctx, s) {
		if err != nil {
			return pgerr.Hosts(fmt.Errorf("gdpr: the export of %s: %w", name, err))
		}
		if err := yield(name, row.Table != table, row); err != nil {
			return err
		}
		table = row.Table
	}
	return nil
}

// mentions counts the rows of others that name the subject.
func (r *read) mentions(ctx context.Context) (map[string]int64, error) {
	counts := map[string]int64{}
	for i := range r.m.Tables {
		t := &r.m.Tables[i]
		if t.Relation == gdpr.Unrelated {
			continue
		}
		var ways []string
		for _, ref := range r.m.References {
			if to := r.m.Table(ref.To); ref.From == t.Name && to != nil && to.Relation == gdpr.Owned && !r.owner(t, ref) {
				ways = append(ways, "("+r.mentioned(ref, "t")+")")
			}
		}
		if len(ways) == 0 {
			continue
		}
		var n int64
		sql := "select count(*) from " + r.from(t) + " t where " + strings.Join(ways, " or ")
		if err := r.tx.QueryRow(ctx, sql, r.args()...).Scan(&n); err != nil {
			return nil, err
		}
		if n > 0 {
			counts[t.Name] = n
		}
	}
	if len(counts) == 0 {
		return nil, nil
	}
	return counts, nil
}

// owner says whether ref is the only thing that decides whose a row of t is: then no row is mentioned by it.
func (r *read) owner(t *gdpr.Table, ref gdpr.Reference) bool {
	return len(t.OwnedBy) == 1 && t.OwnedBy[0].Name == ref.Name
}

// schemaTable is what schema.json says of a table.
type schemaTable struct {
	Columns    []gdpr.Column    `json:"columns"`
	Key        []string         `json:"key,omitempty"`
	References []gdpr.Reference `json:"references,omitempty"`
}

// schema is what the columns are, but for those that are never exported.
func (r *read) schema() map[string]schemaTable {
	all := map[string]schemaTable{}
	for _, t := range r.tables() {
		s := schemaTable{Key: t.Key}
		for _, c := range t.Columns {
			if rule, ok := r.def.ColumnRule(t.Name, c.Name); ok && rule.Whose != gdpr.Hidden {
				s.Columns = append(s.Columns, c)
			}
		}
		for _, ref := range r.m.References {
			if ref.From == t.Name {
				s.References = append(s.References, ref)
			}
		}
		all[t.Name] = s
	}
	return all
}
