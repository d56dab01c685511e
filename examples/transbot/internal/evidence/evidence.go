// Package evidence is what the platform can show for itself: a log of who did what that proves itself, and a report that
// no company sees another's rows.
package evidence

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/audit/isolation"
)

// Tables are the platform's own tables whose rows belong to a company, with the column that says to which.
var Tables = map[string]string{
	"public.companies": "id", "public.users": "company_id", "public.api_keys": "company_id", "public.bulk_jobs": "company_id",
	"public.quotes": "company_id", "public.api_requests": "company_id", "public.quote_requests": "company_id",
	"public.agent_tasks": "company_id", "public.load_costs": "company_id",
}

// except are tables that look like a company's and are not.
var except = map[string]string{
	"public.sessions":    "who is signed in is looked up before the company is known, by a role that sees all; the role of requests has no right to it",
	"public.trial_leads": "who asks for a trial belongs to no company until the address is confirmed; the role of requests has no right to it",
}

// Pools are the connections of the roles.
type Pools struct {
	Owner  *pgxpool.Pool // of all tables
	Worker *pgxpool.Pool // sees every company
	App    *pgxpool.Pool // sees the one that its transaction names
}

// Desk shows what can be shown.
type Desk struct {
	Log      *audit.Log
	Verifier *audit.Verifier // nil: nobody signs the log

	anchor *audit.FileAnchor // nil: there is none
	pools  Pools

	mu   sync.Mutex
	last *isolation.Result
}

// New returns a desk. Without a signer or an anchor less can be shown, and the desk says so.
func New(log *audit.Log, signer *audit.Signer, anchor *audit.FileAnchor, pools Pools) *Desk {
	d := &Desk{Log: log, anchor: anchor, pools: pools}
	if signer != nil {
		d.Verifier = signer.Verifier()
	}
	return d
}

// Anchored says whether checkpoints are kept outside of the database.
func (d *Desk) Anchored() bool { return d.anchor != nil }

// Verify computes the whole log anew and compares it with the checkpoints, those outside of the database first of all.
func (d *Desk) Verify(ctx context.Context) (audit.Report, error) {
	var anchored []audit.Checkpoint
	if d.anchor != nil {
		var err error
		if anchored, err = d.anchor.Checkpoints(d.Verifier); err != nil {
			return audit.Report{}, err
		}
	}
	return d.Log.Verify(ctx, anchored...)
}

// Drifts says how the watched tables differ from what was set up.
func (d *Desk) Drifts(ctx context.Context) ([]auditpg.Drift, error) {
	return auditpg.Drifts(ctx, d.pools.Owner)
}

// freshFor is how long a good report on isolation is shown to programs before it is made again, and reportWithin bounds
// the making, however little time a request has.
const (
	freshFor     = time.Minute
	reportWithin = 25 * time.Second
)

// Isolation returns a report on whether companies are apart; one that was just made, unless a new one is asked for or
// something was wrong.
func (d *Desk) Isolation(ctx context.Context, renew bool) (*isolation.Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !renew && d.last != nil && d.last.OK() && time.Since(d.last.At) < freshFor {
		return d.last, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportWithin)
	defer cancel()
	probing := Probing()
	r, err := isolation.Report(ctx, d.pools.Owner, d.pools.App, &probing)
	if err != nil {
		return nil, err
	}
	d.last = r
	return r, nil
}

// Probing says how it is tried out whether companies are apart.
func Probing() isolation.Options {
	return isolation.Options{
		Columns: []string{"tenant_id", "company_id"}, Tables: map[string]string{"public.companies": "id"}, Except: except,
		LockTimeout: 3 * time.Second,
	}
}

// LastIsolation returns the last report; nil when none was made yet.
func (d *Desk) LastIsolation() *isolation.Result {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// Tampering is a record that was changed on purpose.
type Tampering struct {
	Tenant, Record string
	By             string
	At             time.Time
}

const selectTampering = `
select record_tenant, record_id::text, began_by, began_at
from public.tamperings
where ended_at is null`

// Tampering returns what is tampered with now; nil when nothing is.
func (d *Desk) Tampering(ctx context.Context) (*Tampering, error) {
	var t Tampering
	err := d.pools.Worker.QueryRow(ctx, selectTampering).Scan(&t.Tenant, &t.Record, &t.By, &t.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &t, err
}

const tamperSQL = `
with victim as (
  select a.tenant_id, a.id, a.actor
  from tenon.audit_leaves l
  join tenon.audit_log a on a.tenant_id = l.tenant_id and a.id = l.id
  where a.redacted is null
  order by l.leaf_index desc
  limit 1
), kept as (
  insert into public.tamperings (id, record_tenant, record_id, actor, began_at, began_by)
  select $1, tenant_id, id, actor, now(), $2
  from victim
)
update tenon.audit_log a
set actor = 'somebody else'
from victim v
where a.tenant_id = v.tenant_id
  and a.id = v.id`

// Tamper changes the actor of the newest sealed record behind the log's back, as somebody with access to the database
// might. A log that is tampered with already is a [tenon.ErrConflict].
func (d *Desk) Tamper(ctx context.Context) error {
	now, err := d.Tampering(ctx)
	if err != nil {
		return err
	}
	if now != nil {
		return tenon.ErrConflict
	}
	if _, err := d.Log.Seal(ctx); err != nil {
		return err
	}
	c, _ := tenon.CallerFrom(ctx)
	tag, err := d.pools.Worker.Exec(ctx, tamperSQL, tenon.NewID(time.Now()), c.Actor)
	if err == nil && tag.RowsAffected() == 0 {
		err = tenon.ErrConflict // nothing is recorded yet
	}
	return err
}

const restoreSQL = `
with done as (
  update public.tamperings
  set ended_at = now()
  where ended_at is null
  returning record_tenant, record_id, actor
)
update tenon.audit_log a
set actor = d.actor
from done d
where a.tenant_id = d.record_tenant
  and a.id = d.record_id`

// Restore puts back what Tamper changed. When nothing is, it does nothing.
func (d *Desk) Restore(ctx context.Context) error {
	_, err := d.pools.Worker.Exec(ctx, restoreSQL)
	return err
}
