package gdprpg

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/transbotai/tenon"
)

// Document implements [gdpr.Packer]: an object with a field for each table, the subject's own row as an object, the
// others as arrays of rows.
func (p *Packer) Document(ctx context.Context, s tenon.Subject, w io.Writer) error {
	return p.view(ctx, s, func(r *read) error {
		d := &document{w: w}
		for i, t := range r.tables() {
			if err := d.field(r.name(t.Name)); err != nil {
				return err
			}
			write := d.rows
			if i == 0 {
				write = d.row
			}
			if err := r.rows(ctx, t, r.columns(t, ""), write); err != nil {
				return err
			}
			if err := d.end(i > 0); err != nil {
				return err
			}
		}
		if err := r.satellites(ctx, d.satellite(r.name)); err != nil {
			return err
		}
		return d.close()
	})
}

// name is what a table is called in a document.
func (r *read) name(table string) string {
	if name, ok := r.options.Names[table]; ok {
		return name
	}
	return table
}

// document writes one JSON object, field by field.
type document struct {
	w      io.Writer
	fields int
	items  int64
	open   bool // an array of an exporter's rows
	seen   map[string]bool
}

func (d *document) field(name string) error {
	if d.seen[name] {
		return fmt.Errorf("gdpr: %w", tenon.Invalid("names", "%q stands for two tables", name))
	}
	if d.seen == nil {
		d.seen = map[string]bool{}
	}
	d.seen[name] = true
	sep := "{"
	if d.fields > 0 {
		sep = ","
	}
	d.fields, d.items = d.fields+1, 0
	key, err := json.Marshal(name)
	if err == nil {
		_, err = fmt.Fprintf(d.w, "%s%s:", sep, key)
	}
	return err
}

// row writes the one row that a root has.
func (d *document) row(lines []byte, n int64) error {
	d.items += n
	_, err := d.w.Write(lines[:len(lines)-1])
	return err
}

// rows writes items of an array, of which there may be several.
func (d *document) rows(lines []byte, _ int64) error {
	for line := range strings.Lines(string(lines)) {
		sep := ","
		if d.items == 0 {
			sep = "["
		}
		d.items++
		if _, err := io.WriteString(d.w, sep+line[:len(line)-1]); err != nil {
			return err
		}
	}
	return nil
}

func (d *document) end(array bool) error {
	text := ""
	switch {
	case !array && d.items == 0:
		text = "null"
	case array && d.items == 0:
		text = "[]"
	case array:
		text = "]"
	}
	_, err := io.WriteString(d.w, text)
	return err
}

// satellite returns what takes the rows of exporters.
func (d *document) satellite(name func(string) string) func(string, bool, tenon.Row) error {
	return func(_ string, first bool, row tenon.Row) error {
		if first && d.open {
			if err := d.end(true); err != nil {
				return err
			}
		}
		if first {
			d.open = true
			if err := d.field(name(row.Table)); err != nil {
				return err
			}
		}
		line, err := appendCompact(nil, row.Data)
		if err != nil {
			return err
		}
		return d.rows(append(line, '\n'), 1)
	}
}

func (d *document) close() error {
	if d.open {
		if err := d.end(true); err != nil {
			return err
		}
	}
	_, err := io.WriteString(d.w, "}\n")
	return err
}
