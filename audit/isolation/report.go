package isolation

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
)

// DB is what a report needs of pgx: a *pgxpool.Pool, a *pgx.Conn and a pgx.Tx are one.
type DB interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Options of a [Report]. The zero value of each field has the documented meaning.
type Options struct {
	// Columns are the names that a tenant's column has, as they are stored. Default: tenant_id.
	Columns []string
	// Tables are tables whose tenant's column has another name, by table: "public.companies": "id". A name is written as
	// in SQL, with its schema.
	Tables map[string]string
	// Except are tables that are left out, with the reason.
	Except map[string]string
	// Tenants are those to probe with, in pairs. Default: the first and the last that each table holds.
	Tenants []string
	// Setting is how a transaction of the application names its tenant. Default: tenon.tenant_id.
	Setting string
	// Calls are queries whose first column, of any number of rows, is a tenant: functions that take arguments,
	// statements of the application's own. They are run as the application's role. Functions that return rows with a
	// tenant's column, need no argument and are not volatile are called by themselves.
	Calls []string
	// LockTimeout bounds how long the mutation part waits for a table. Default: 2 s. Negative: that part is left out.
	LockTimeout time.Duration
}

func (o *Options) withDefaults() Options {
	var with Options
	if o != nil {
		with = *o
	}
	if len(with.Columns) == 0 {
		with.Columns = []string{"tenant_id"}
	}
	with.Setting = cmp.Or(with.Setting, "tenon.tenant_id")
	with.LockTimeout = cmp.Or(with.LockTimeout, 2*time.Second)
	return with
}

// Report tries whether the role of app sees or changes rows across tenants. Owner is a connection of the tables' owner,
// or of a superuser, for the other parts; it must be able to "set role" to the application's for the mutation part. Both
// are read on their own connections, one statement at a time.
func Report(ctx context.Context, owner, app DB, opts *Options) (*Result, error) {
	r := &run{options: opts.withDefaults(), owner: owner, app: app}
	r.result = &Result{At: time.Now().UTC().Truncate(time.Microsecond), Except: r.options.Except, Findings: []Finding{}}
	if err := r.all(ctx); err != nil {
		return nil, fmt.Errorf("isolation: %w", pgerr.Translate(err, "Audit"))
	}
	r.sort()
	r.result.Took = time.Since(r.result.At)
	return r.result, nil
}

// run is a report while it is made.
type run struct {
	options    Options
	owner, app DB
	role       string // the application's
	schema     schema
	pairs      map[uint32][][2]string // the tenants to probe a table with
	result     *Result
}

func (r *run) all(ctx context.Context) error {
	if err := rolledBack(ctx, r.app, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select current_user::text").Scan(&r.role)
	}); err != nil {
		return fmt.Errorf("the application's role: %w", err)
	}
	r.result.Role = r.role
	for _, part := range []func(context.Context, pgx.Tx) error{r.readSchema, r.static, r.reach, r.chooseTenants, r.mismatch} {
		if err := rolledBack(ctx, r.owner, func(tx pgx.Tx) error { return part(ctx, tx) }); err != nil {
			return err
		}
	}
	if err := r.probe(ctx); err != nil {
		return err
	}
	return r.mutate(ctx)
}

// rolledBack runs f in a transaction that leaves nothing.
func rolledBack(ctx context.Context, db DB, f func(pgx.Tx) error) error {
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = tx.Rollback(ctx) // what f says is the one to tell
	}()
	return f(tx)
}

// add adds a finding.
func (r *run) add(f Finding) {
	f.Severity = cmp.Or(f.Severity, tenon.SeverityCritical)
	r.result.Findings = append(r.result.Findings, f)
	r.result.CrossRows += f.Rows
}

// notTried adds that something could not be found out.
func (r *run) notTried(part Part, object, what string, err error) {
	r.add(Finding{Part: part, Kind: NotTried, Severity: tenon.SeverityWarning, Object: object, Detail: fmt.Sprintf("%s: %v", what, err)})
}

var partOrder = []Part{Static, Probe, Mismatch, Mutation}

// sort puts what is worst first, then the parts in their order, and what is said twice once.
func (r *run) sort() {
	slices.SortStableFunc(r.result.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), // critical before warning
			cmp.Compare(slices.Index(partOrder, a.Part), slices.Index(partOrder, b.Part)),
			cmp.Compare(a.Object, b.Object), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Detail, b.Detail))
	})
	r.result.Findings = slices.Compact(r.result.Findings)
	seen := map[string]bool{}
	for _, pairs := range r.pairs {
		for _, p := range pairs {
			seen[p[0]] = true
		}
	}
	r.result.Tenants = slices.Sorted(maps.Keys(seen))
}
