package isolation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon/internal/pgerr"
)

// countedUpTo bounds how many rows across the line are counted: past that, the number says nothing more.
const countedUpTo = 10_000

const selectNames = `
select %[1]s::text
from %[2]s
where %[1]s is not null
order by %[1]s %[3]s
limit 1`

// chooseTenants picks, for each table, the tenants whose rows are tried: those asked for, or the first and the last that
// have some. A key that begins with the tenant finds them at once.
func (r *run) chooseTenants(ctx context.Context, tx pgx.Tx) error {
	r.pairs = map[uint32][][2]string{}
	for i := range r.schema.tables {
		t := &r.schema.tables[i]
		tenants := r.options.Tenants
		if len(tenants) == 0 {
			var err error
			if tenants, err = r.ends(ctx, tx, t); err != nil {
				return err
			}
		}
		for _, a := range tenants {
			for _, b := range tenants {
				if a != b {
					r.pairs[t.OID] = append(r.pairs[t.OID], [2]string{a, b})
				}
			}
		}
	}
	return nil
}

// ends returns the first and the last tenant of a table.
func (r *run) ends(ctx context.Context, tx pgx.Tx, t *table) ([]string, error) {
	if t.OwnerBound || t.Kind == "f" {
		return nil, nil // of the one, the mutation part makes rows; the other is found for what it is, whatever it holds
	}
	var found []string
	for _, order := range []string{"asc", "desc"} {
		names, err := all[struct{ Name string }](ctx, tx, fmt.Sprintf(selectNames, t.Column, t.Name, order))
		if pgerr.Is(err, pgerr.InsufficientPrivilege) {
			return nil, fmt.Errorf("the owner's connection may not read %s: %w", t.Name, err)
		}
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			found = append(found, n.Name)
		}
	}
	return slices.Compact(found), nil
}

// probe tries, on the application's own connection and with the rows that are there, what must not work.
func (r *run) probe(ctx context.Context) error {
	for i := range r.schema.tables {
		t := &r.schema.tables[i]
		pairs := r.pairs[t.OID]
		if len(pairs) == 0 {
			continue
		}
		if err := rolledBack(ctx, r.app, func(tx pgx.Tx) error { return r.probeTable(ctx, tx, t, pairs) }); err != nil {
			return err
		}
	}
	return r.probeReaders(ctx)
}

func (r *run) probeTable(ctx context.Context, tx pgx.Tx, t *table, pairs [][2]string) error {
	for _, pair := range pairs {
		for _, a := range r.attacks(t, pair[0], pair[1]) {
			rows, err := r.try(ctx, tx, a)
			if err != nil {
				r.notTried(Probe, t.Name, a.what, err)
				continue
			}
			r.report(t.Name, a, rows)
		}
	}
	return nil
}

// report adds what an attack that succeeded did.
func (r *run) report(object string, a attack, rows int64) {
	if rows == 0 {
		return
	}
	for i := range r.result.Findings { // of another pair
		f := &r.result.Findings[i]
		if f.Part == Probe && f.Object == object && f.Kind == a.kind && f.Detail == a.detail() {
			f.Rows += rows
			r.result.CrossRows += rows
			return
		}
	}
	r.add(Finding{Part: Probe, Kind: a.kind, Object: object, Command: a.command.String(), Rows: rows, Detail: a.detail()})
}

// attack is a statement that must touch nothing, given by the application's role while it acts for a tenant.
type attack struct {
	kind    Kind
	command command
	setting string // the tenant that is named; empty: none is
	sql     string
	what    string // in words
	counts  bool   // the statement returns one number, else the rows that it touches are counted
	writes  bool   // the row that it writes is another tenant's, and not only the one that it reads
}

func (a attack) detail() string { return "the role can " + a.what }

// attacks are the ways across the line from tenant a to tenant b that the role's privileges leave open. At most one row
// is changed, whatever the policies let through.
func (r *run) attacks(t *table, a, b string) []attack {
	mine, theirs := t.literal(a), t.literal(b)
	var list []attack
	if t.Select {
		count := fmt.Sprintf("select count(*) from (select from %s where %s is distinct from %s limit %d) x", t.Name, t.Column, mine, countedUpTo)
		list = append(list,
			attack{CrossRead, readRows, a, count, "read another tenant's rows", true, false},
			attack{CrossRead, readRows, "", fmt.Sprintf("select count(*) from (select from %s limit %d) x", t.Name, countedUpTo), "read rows while no tenant is named", true, false})
	}
	if t.Insert && !t.Partitioned {
		list = append(list, attack{CrossInsert, insertRows, a, t.insert(theirs), "insert a row of another tenant's", false, true})
	}
	one := fmt.Sprintf("%[1]s = %%s and ctid = (select ctid from %[2]s where %[1]s = %%[1]s limit 1)", t.Column, t.Name)
	if t.Settable != "" && t.Select {
		set := fmt.Sprintf("update %s set %[2]s = %[2]s where ", t.Name, t.Settable)
		if t.Moves { // what is made one's own passes a with check
			set = fmt.Sprintf("update %s set %s = %s where ", t.Name, t.Column, mine)
		}
		list = append(list, attack{CrossUpdate, updateRows, a, set + fmt.Sprintf(one, theirs), "change another tenant's rows", false, false})
	}
	if t.Moves && t.Select {
		set := fmt.Sprintf("update %s set %s = %s where ", t.Name, t.Column, theirs)
		list = append(list, attack{CrossMove, updateRows, a, set + fmt.Sprintf(one, mine), "give a row to another tenant", false, true})
	}
	if t.Delete && t.Select {
		list = append(list, attack{CrossDelete, deleteRows, a, "delete from " + t.Name + " where " + fmt.Sprintf(one, theirs), "delete another tenant's rows", false, false})
	}
	return list
}

// insert returns a statement that inserts a row with a tenant and nothing else.
func (t *table) insert(tenant string) string {
	return fmt.Sprintf("insert into %s (%s) overriding system value values (%s)", t.Name, t.Column, tenant)
}

// literal returns a value of the tenant's column as SQL has it.
func (t *table) literal(value string) string { return text(value) + "::" + t.Type }

// text returns a string as SQL has it, whatever the settings of the connection.
func text(value string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, `'`, `''`, "\x00", "").Replace(value) + "'"
}

// try gives an attack's statement and takes its effect back. It returns how many rows crossed the line; an error says
// that it could not be found out.
func (r *run) try(ctx context.Context, tx pgx.Tx, a attack) (rows int64, err error) {
	r.result.Probes++
	err = rolledBack(ctx, tx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select set_config($1, $2, true)", pgx.QueryExecModeExec, r.options.Setting, a.setting); err != nil {
			return err
		}
		if a.counts {
			return tx.QueryRow(ctx, a.sql, pgx.QueryExecModeSimpleProtocol).Scan(&rows)
		}
		tag, err := tx.Exec(ctx, a.sql, pgx.QueryExecModeSimpleProtocol)
		rows = tag.RowsAffected()
		return err
	})
	switch {
	case pgerr.Is(err, pgerr.InsufficientPrivilege):
		return 0, nil // a policy, or a privilege, said no
	case isIntegrity(err):
		return 1, nil // a constraint said no, which is asked after the policies
	}
	return rows, err
}

// isIntegrity says whether a constraint refused a row: class 23, integrity constraint violation.
func isIntegrity(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && strings.HasPrefix(pg.Code, "23")
}
