package gdprpg_test

import (
	"fmt"
	"slices"
	"strings"
)

// sql returns the statements that make the world. Keys come last, since rows refer to each other in circles.
func (w *world) sql() string {
	var b strings.Builder
	fmt.Fprintf(&b, "create schema %s;\n", quote(w.schema))
	for _, t := range w.tables {
		w.create(&b, t)
	}
	for _, t := range w.tables {
		w.insert(&b, t)
	}
	for _, t := range w.tables {
		for _, r := range t.refs {
			if r.Key() {
				fmt.Fprintf(&b, "alter table %s add constraint %s foreign key (%s) references %s (%s) on delete %s",
					w.of(t), r.Name, names(r.Columns), w.of(w.tables[r.to]), names(r.ToColumns), r.OnDelete)
				if r.Deferrable {
					b.WriteString(" deferrable initially deferred")
				}
				b.WriteString(";\n")
			}
		}
	}
	return b.String()
}

func names(columns []string) string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = quote(c)
	}
	return strings.Join(all, ", ")
}

func (w *world) create(b *strings.Builder, t *randomTable) {
	var keys []string
	fmt.Fprintf(b, "create table %s (", w.of(t))
	for _, c := range t.key {
		keys = append(keys, c.Name)
		fmt.Fprintf(b, "%s %s not null, ", quote(c.Name), c.Type)
	}
	b.WriteString("body text not null, tags text[], doc jsonb, at date")
	for _, r := range t.refs {
		for i, column := range r.Columns {
			kind := w.tables[r.to].key[i].Type
			if len(r.Path) > 0 {
				kind = "jsonb"
			} else if !r.Key() && i == 0 && len(r.Name)%2 == 0 && kind == "uuid" {
				kind = "text" // a soft reference of another type
			}
			fmt.Fprintf(b, ", %s %s", quote(column), kind)
			if !r.null {
				b.WriteString(" not null")
			}
		}
		if r.Type != "" {
			fmt.Fprintf(b, ", %s text", quote(r.Type))
		}
	}
	fmt.Fprintf(b, ", primary key (%s))", names(keys))
	if t.partitioned {
		fmt.Fprintf(b, " partition by hash (%s)", names(keys))
		for n := range 2 {
			fmt.Fprintf(b, ";\ncreate table %s partition of %s for values with (modulus 2, remainder %d)",
				quote(w.schema, fmt.Sprintf("%s part %d", t.name, n)), w.of(t), n)
		}
	}
	b.WriteString(";\n")
}

func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (w *world) insert(b *strings.Builder, t *randomTable) {
	for i, row := range t.rows {
		mark := fmt.Sprintf("of-%d-%s-%d", row.company, t.name, i)
		columns, values := []string{}, []string{}
		for k, c := range t.key {
			columns, values = append(columns, c.Name), append(values, text(row.key[k]))
		}
		columns = append(columns, "body", "tags", "doc", "at")
		values = append(values, text(mark), fmt.Sprintf("array[%s]", text(mark)), fmt.Sprintf("jsonb_build_object('said', %s)", text(mark)), "'2026-03-04'")
		for _, r := range t.refs {
			for _, column := range append(slices.Clone(r.Columns), r.Type) {
				value := row.values[column]
				switch {
				case value == nil:
					continue
				case len(r.Path) > 0:
					values = append(values, fmt.Sprintf("jsonb_build_object('deep', jsonb_build_object('Id''s', %s))", text(*value)))
				default:
					values = append(values, text(*value))
				}
				columns = append(columns, column)
			}
		}
		fmt.Fprintf(b, "insert into %s (%s) values (%s);\n", w.of(t), names(columns), strings.Join(values, ", "))
	}
}
