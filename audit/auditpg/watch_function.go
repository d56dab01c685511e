package auditpg

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/transbotai/tenon/audit"
)

// body returns the text of the triggers' function.
func (w *watched) body() string {
	var b strings.Builder
	b.WriteString(declarations)
	b.WriteString(w.digestKey())
	if w.Tenant != "" {
		b.WriteString(strings.ReplaceAll(truncated, "$tenant", w.quoted(w.Tenant)))
	} else {
		b.WriteString(truncatedShared)
	}
	if w.BulkOver > 0 {
		b.WriteString(w.statements())
	} else {
		b.WriteString(w.row())
	}
	b.WriteString("  return null;\nend\n")
	return strings.NewReplacer("$table", w.table, "$target", literal(w.Target), "$over", fmt.Sprint(w.BulkOver)).Replace(b.String())
}

const declarations = `
declare
  v_at timestamptz := clock_timestamp();
  v_op text := tg_op;
  v_erasure text := current_setting('tenon.erasure_id', true);
  v_tenant text;
  v_before text;
  v_after text;
  v_payload jsonb;
  v_pair record;
  v_rows bigint;
  v_inner bytea;
  v_outer bytea;
begin
`

// digestKey reads the key of digests, for tables that need it.
func (w *watched) digestKey() string {
	if !w.digests() {
		return ""
	}
	return `  select w.digest_inner, w.digest_outer into strict v_inner, v_outer
  from tenon.audit_watches w
  where w.table_name = ` + literal(w.table) + `;
`
}

func (w *watched) digests() bool {
	for _, p := range w.Columns {
		if p == audit.Digest {
			return true
		}
	}
	return false
}

var truncated = `  if v_op = 'TRUNCATE' then
    for v_tenant, v_rows in select coalesce(t.$tenant::text, ''), count(*) from $table t group by 1 loop
` + appendSummary + `    end loop;
    if not found then -- it was empty, or its policies hide its rows from us
      v_tenant := '';
      v_rows := 0;
` + appendSummary + `    end if;
    return null;
  end if;
`

var truncatedShared = `  if v_op = 'TRUNCATE' then
    v_tenant := '';
    select count(*) into v_rows from $table;
` + appendSummary + `    return null;
  end if;
`

var appendSummary = `      v_payload := jsonb_build_object('rows', v_rows, 'summary', true);
` + appendTo("v_tenant", "v_op") + "'', v_payload" + fromSettings

// newID is what tenon.audit_id(v_at) is. A function with a search_path of its own inlines no other.
const newID = `encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
        placing substring(int8send(floor(extract(epoch from v_at) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid`

// appendTo begins the insert of a record, up to the target's id.
func appendTo(tenant, op string) string {
	return `      insert into tenon.audit_log (tenant_id, id, ts, action, target, target_id, payload, actor, on_behalf_of,
        ip_address, user_agent, request_id, trace_id)
      values (` + tenant + ", " + newID + ", v_at, " + op + ", $target, "
}

const fromSettings = `,
        coalesce(current_setting('tenon.actor', true), ''), coalesce(current_setting('tenon.on_behalf_of', true), ''),
        coalesce(current_setting('tenon.ip_address', true), ''), coalesce(current_setting('tenon.user_agent', true), ''),
        coalesce(current_setting('tenon.request_id', true), ''), coalesce(current_setting('tenon.trace_id', true), ''));
`

// row returns what is done for one row, as new and old have it. An expression costs much less than a statement, so there
// are few statements.
func (w *watched) row() string {
	var b strings.Builder
	b.WriteString("  <<one>>\n  begin\n    if v_op = 'UPDATE' then\n")
	if w.Tenant != "" { // a row that moved leaves one tenant and enters another
		b.WriteString("      if " + w.differs(w.Tenant) + " then\n" +
			w.record("DELETE", "old", "before") + w.record("INSERT", "new", "after") + "        exit one;\n      end if;\n")
	}
	b.WriteString("      v_before := " + w.differences("old") + ";\n      if v_before = '' then\n        exit one;\n      end if;\n")
	b.WriteString("      v_after := " + w.differences("new") + ";\n")
	b.WriteString("      if v_erasure <> '' then\n        v_payload := " + keysOnly + ";\n      else\n" +
		"        v_payload := ('{\"before\": {' || substr(v_before, 2) || '}, \"after\": {' || substr(v_after, 2) || '}}')::jsonb;\n" +
		"        if octet_length(v_before) + octet_length(v_after) > 100000 then\n" + tooLarge + "        end if;\n      end if;\n")
	b.WriteString(w.insert("UPDATE", "new"))
	b.WriteString("    elsif v_op = 'INSERT' then\n" + w.record("INSERT", "new", "after") +
		"    else\n" + w.record("DELETE", "old", "before") + "    end if;\n  end one;\n")
	return b.String()
}

// keysOnly is the payload while an erasure runs.
const keysOnly = "jsonb_build_object('erasure_id', v_erasure)"

// differences returns an expression of what the row has in columns that differ, as members of a JSON object, each after
// a comma. It costs a third of what turning both rows into jsonb and comparing that does.
func (w *watched) differences(row string) string {
	var parts []string
	for _, c := range w.columns {
		if w.Columns[c.Name] == audit.Ignore {
			continue
		}
		parts = append(parts, fmt.Sprintf("case when %s then %s || coalesce(to_jsonb(%s)::text, 'null') else '' end",
			c.differs(), literal(","+memberName(c.Name)), w.value(row, c)))
	}
	if len(parts) == 0 {
		return "''"
	}
	return strings.Join(parts, "\n        || ")
}

func (w *watched) differs(name string) string {
	i := slices.IndexFunc(w.columns, func(c column) bool { return c.Name == name })
	return w.columns[i].differs()
}

// differs returns a condition. Texts are compared as they are, since a collation may take different ones for the same.
func (c column) differs() string {
	cast := ""
	switch {
	case !c.Simple:
		cast = `::text collate "C"`
	case c.Type == "text" || strings.HasPrefix(c.Type, "character"):
		cast = ` collate "C"`
	}
	return fmt.Sprintf("new.%[1]s%[2]s is distinct from old.%[1]s%[2]s", c.Quoted, cast)
}

// memberName returns a column's name as JSON has it, with the colon.
func memberName(name string) string {
	text, _ := json.Marshal(name) // a string has one
	return string(text) + ": "
}

// all returns an expression of the row's columns as jsonb. A function takes 100 arguments, hence the pieces.
func (w *watched) all(row string) string {
	pieces := []string{}
	for _, c := range w.columns {
		if w.Columns[c.Name] != audit.Ignore {
			pieces = append(pieces, literal(c.Name)+", "+w.value(row, c))
		}
	}
	objects := []string{}
	for len(pieces) > 0 {
		n := min(len(pieces), 50)
		objects = append(objects, "jsonb_build_object("+strings.Join(pieces[:n], ", ")+")")
		pieces = pieces[n:]
	}
	if len(objects) == 0 {
		return "'{}'::jsonb"
	}
	return strings.Join(objects, " || ")
}

// value returns an expression of what is stored of a column. A jsonb that nests deeper than a record may, and json,
// which may hold what jsonb cannot, are stored as texts, and so are arrays of them.
func (w *watched) value(row string, c column) string {
	v := row + "." + c.Quoted
	switch w.Columns[c.Name] {
	case audit.Redact:
		return "case when " + v + " is not null then '[redacted]' end"
	case audit.Digest:
		return "'hmac-sha256:' || encode(sha256(v_outer || sha256(v_inner || convert_to(" + v + "::text, 'UTF8'))), 'hex')"
	}
	switch {
	case c.JSON:
		return v + "::text"
	case c.JSONB:
		return "case when jsonb_path_exists(" + v + ", '$.**{50 to last}') then to_jsonb(" + v + "::text) else " + v + " end"
	case c.List:
		return "to_jsonb(" + v + ")"
	case !c.Simple:
		return v + "::text"
	}
	return v
}

// record returns what appends the record of a whole row. While an erasure runs, keys alone are kept.
func (w *watched) record(op, row, side string) string {
	return "      if v_erasure <> '' then\n        v_payload := " + keysOnly + ";\n      else\n" +
		"        v_payload := jsonb_build_object('" + side + "', " + w.all(row) + ");\n" +
		"        if pg_column_size(v_payload) > 40000 then\n" + tooLarge + "        end if;\n      end if;\n" +
		w.insert(op, row)
}

// insert returns what appends the record of a row with the payload.
func (w *watched) insert(op, row string) string {
	return appendTo(w.tenantOf(row), "'"+op+"'") + w.keyOf(row) + ", v_payload" + fromSettings
}

// tooLarge leaves the names of the columns of what a record cannot hold.
const tooLarge = `          if octet_length(v_payload::text) > 262144 then
            v_payload := jsonb_build_object('too_large', true, 'columns',
              (select jsonb_agg(k order by k) from jsonb_object_keys(coalesce(v_payload -> 'after', v_payload -> 'before')) k));
          end if;
`

func (w *watched) tenantOf(row string) string {
	if w.Tenant == "" {
		return "''"
	}
	return "coalesce(" + row + "." + w.quoted(w.Tenant) + "::text, '')"
}

func (w *watched) keyOf(row string) string {
	parts := make([]string, len(w.Key))
	for i, k := range w.Key {
		parts[i] = row + "." + w.quoted(k) + "::text"
	}
	switch len(parts) {
	case 0:
		return "''"
	case 1:
		return "coalesce(left(" + parts[0] + ", 256), '')"
	}
	return "left(concat_ws('/', " + strings.Join(parts, ", ") + "), 256)"
}

// statements returns what is done for a statement: a summary where it touched many rows, else what is done for each. Old
// and new rows belong together by the primary key; a row whose key changed is a DELETE and an INSERT.
func (w *watched) statements() string {
	group := "''"
	if w.Tenant != "" {
		group = "coalesce(t." + w.quoted(w.Tenant) + "::text, '')"
	}
	var b strings.Builder
	for _, op := range []struct{ name, rows string }{{"INSERT", "new_rows"}, {"DELETE", "old_rows"}, {"UPDATE", "new_rows"}} {
		fmt.Fprintf(&b, "  if tg_op = '%s' then\n    if (select count(*) > $over from %s) then\n", op.name, op.rows)
		counts := fmt.Sprintf("select %s, count(*) from %s t group by 1", group, op.rows)
		if op.name == "UPDATE" { // rows that moved left a tenant, who is told too
			counts = fmt.Sprintf("select tenant, max(n) from (select %s, count(*) from old_rows t group by 1 union all %s) c (tenant, n) group by 1", group, counts)
		}
		fmt.Fprintf(&b, "      for v_tenant, v_rows in %s loop\n%s      end loop;\n", counts, appendSummary)
		b.WriteString("      return null;\n    end if;\n" + w.each(op.name) + "  end if;\n")
	}
	return b.String()
}

func (w *watched) each(op string) string {
	switch op {
	case "INSERT":
		return "    for new in select * from new_rows loop\n" + w.row() + "    end loop;\n"
	case "DELETE":
		return "    for old in select * from old_rows loop\n" + w.row() + "    end loop;\n"
	}
	on := []string{}
	for _, c := range w.columns {
		if c.Key {
			on = append(on, "was_row."+c.Quoted+" = is_row."+c.Quoted)
		}
	}
	if len(on) == 0 {
		on = append(on, "false")
	}
	// The names stand for whole rows, unless a column has one: nobody's should.
	return `    for v_pair in
      select was_row, is_row
      from old_rows was_row
      full join new_rows is_row on ` + strings.Join(on, " and ") + ` loop
      v_op := case when v_pair.was_row is not distinct from null then 'INSERT'
        when v_pair.is_row is not distinct from null then 'DELETE' else 'UPDATE' end; -- a row of nulls is one
      old := v_pair.was_row;
      new := v_pair.is_row;
` + w.row() + "    end loop;\n"
}

// digestPads returns the key made ready for HMAC (RFC 2104): its block, xored with the inner and the outer pad.
func digestPads(key []byte) (inner, outer []byte) {
	if len(key) > sha256.BlockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	inner, outer = make([]byte, sha256.BlockSize), make([]byte, sha256.BlockSize)
	copy(inner, key)
	copy(outer, key)
	for i := range inner {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	return inner, outer
}
