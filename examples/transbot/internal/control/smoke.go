package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/examples/transbot/internal/quoting"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/migrations"
)

// smoke asks the platform what its customers ask, and whether all behind it is in place. It leaves nothing behind.
func (d *Desk) smoke(ctx context.Context) (Finding, error) {
	f := Finding{Passed: true}
	try := func(name string, check func(context.Context) (string, error)) {
		began := time.Now()
		says, err := check(ctx)
		step := Step{Name: name, Passed: err == nil, Says: says, Took: time.Since(began).Truncate(time.Millisecond)}
		if err != nil {
			step.Says, f.Passed = err.Error(), false
		}
		f.Steps = append(f.Steps, step)
	}
	try("The process is well", d.page("/healthz", "ok"))
	try("It is ready for requests", d.page("/readyz", "ready"))
	try("The sign-in page is served", d.page("/signin", "<form"))
	try("Nobody gets in without a key", d.turnedAway)
	try("A flag is answered", d.flagAnswered)
	d.rehearse(ctx, try)
	try("The newest audit record is proven", d.proveNewest)
	try("The outbox delivers", d.outboxDelivers)
	try("Partitions for three months ahead", d.partitionsAhead)
	try("Migrations at this version", d.migrated)
	try("Postgres is listened to", d.listening)
	good := 0
	for _, s := range f.Steps {
		if s.Passed {
			good++
		}
	}
	f.Says = fmt.Sprintf("%d of %d steps", good, len(f.Steps))
	return f, nil
}

// answer is what a handler said.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

var errNoSite = errors.New("the site is not there yet")

// get asks the site itself, through all that a request passes.
func (d *Desk) get(ctx context.Context, path string) (*answer, error) {
	if d.site == nil {
		return nil, errNoSite
	}
	r, err := http.NewRequestWithContext(ops.Uncounted(ctx), http.MethodGet, "http://127.0.0.1"+path, nil)
	if err != nil {
		return nil, err
	}
	r.RemoteAddr, r.RequestURI = "127.0.0.1:0", path
	r.Header.Set("User-Agent", "transbot smoke test")
	a := &answer{header: http.Header{}}
	d.site.ServeHTTP(a, r)
	return a, nil
}

// page checks that a page is served and holds a text.
func (d *Desk) page(path, text string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		a, err := d.get(ctx, path)
		switch {
		case err != nil:
			return "", err
		case a.status != http.StatusOK || !strings.Contains(a.body.String(), text):
			return "", fmt.Errorf("%s answered %d", path, a.status)
		}
		return "GET " + path, nil
	}
}

func (d *Desk) turnedAway(ctx context.Context) (string, error) {
	a, err := d.get(ctx, "/api/entitlements")
	if err == nil && a.status != http.StatusUnauthorized {
		err = fmt.Errorf("/api/entitlements answered %d", a.status)
	}
	return "GET /api/entitlements: 401", err
}

func (d *Desk) flagAnswered(context.Context) (string, error) {
	answer := d.Flags.EvaluateAs(flags.TypeBool, "rates", &flags.Who{Tenant: "probe"})
	if _, ok := answer.Value.(bool); !ok || answer.Reason == flags.ReasonError {
		return "", fmt.Errorf("rates: %v, %s", answer.Value, answer.Reason)
	}
	return fmt.Sprintf("rates: %v", answer.Value), nil
}

// rehearse lets a company that nobody else sees subscribe, ask what it may do, and have a load priced, counted and
// recorded, in one transaction that is rolled back.
func (d *Desk) rehearse(ctx context.Context, try func(string, func(context.Context) (string, error))) {
	probe := "probe-" + tenon.NewID(time.Now())
	err := freight.InTx(ctx, d.Pool, func(tx pgx.Tx) (bool, error) {
		gate := d.Gate.WithStore(entitlementspg.New(tx, nil))
		try("A company is answered what it may do", func(ctx context.Context) (string, error) { return entitled(ctx, tx, gate, probe) })
		try("A load is priced, counted and kept", func(ctx context.Context) (string, error) {
			return d.quoted(ctx, tx, probe)
		})
		try("The audit log takes a record", func(ctx context.Context) (string, error) {
			log := d.Evidence.Log.WithStore(auditpg.New(tx, nil))
			id, err := log.Record(ctx, audit.Record{Tenant: probe, Action: "control.probed", Targets: []audit.Target{{Type: "company", ID: probe}}})
			if err == nil {
				_, err = log.Get(ctx, audit.Ref{Tenant: probe, ID: id})
			}
			return "written and read, rolled back", err
		})
		return false, nil
	})
	if err != nil {
		try("The rehearsal is rolled back", func(context.Context) (string, error) { return "", err })
	}
}

func entitled(ctx context.Context, tx pgx.Tx, gate *entitlements.Gate, probe string) (string, error) {
	_, err := freight.NewStore(tx).AddCompany(ctx, freight.Company{
		ID: probe, Name: "A probe", Kind: "shipper", City: "Reno, NV", CreatedAt: time.Now(),
	})
	if err == nil {
		_, err = gate.Subscribe(ctx, entitlements.Subscription{Tenant: probe, Plan: "starter"})
	}
	if err != nil {
		return "", err
	}
	decision, err := gate.Check(ctx, probe, quoting.Rates)
	if err == nil && !decision.Allowed {
		err = fmt.Errorf("rates: %s", decision.Reason)
	}
	return "rates on the plan Starter: allowed", err
}

func (d *Desk) quoted(ctx context.Context, tx pgx.Tx, probe string) (string, error) {
	a, err := d.quoting.QuoteIn(ctx, tx, quoting.Request{Company: probe, Lane: freight.Lane{
		Origin: "Portland, OR", Destination: "Denver, CO", WeightKG: 4200,
	}})
	switch {
	case err != nil:
		return "", err
	case !a.Decision.Allowed || a.Decision.Used != 1:
		return "", fmt.Errorf("rates: allowed %v, %d used", a.Decision.Allowed, a.Decision.Used)
	}
	return fmt.Sprintf("Portland to Denver: $%s, rolled back", entitlements.Price(a.Quote.Rate.PriceCents, "USD")), nil
}

// proveNewest checks that the newest record that was sealed is in the tree that was signed; where nobody signs, that
// there are leaves.
func (d *Desk) proveNewest(ctx context.Context) (string, error) {
	log := d.Evidence.Log
	if d.Evidence.Verifier == nil {
		n, err := log.Seal(ctx)
		return fmt.Sprintf("sealed %d, nobody signs", n), err
	}
	checkpoint, err := log.Checkpoint(ctx)
	if err != nil || checkpoint.Size == 0 {
		return "nothing is recorded yet", err
	}
	newest, err := log.List(ctx, audit.Query{AllTenants: true, To: checkpoint.At, Limit: 1})
	if err != nil || len(newest) == 0 {
		return fmt.Sprintf("%d records are signed", checkpoint.Size), err
	}
	proof, err := log.ProveInclusion(ctx, audit.Ref{Tenant: newest[0].Tenant, ID: newest[0].ID})
	if errors.Is(err, audit.ErrNotSealed) {
		return fmt.Sprintf("%d records are signed, the newest is about to be", checkpoint.Size), nil
	}
	if err == nil {
		err = proof.Check(&newest[0], d.Evidence.Verifier)
	}
	return fmt.Sprintf("record %d of %d", proof.Inclusion.Index+1, proof.Inclusion.Size), err
}

// mostBehind is how old what waits in the outbox may be.
const mostBehind = time.Minute

func (d *Desk) outboxDelivers(context.Context) (string, error) {
	s := d.Ops.Outbox.Stats()
	switch {
	case s.DeadLetters > 0:
		return "", fmt.Errorf("%d were given up: %s", s.DeadLetters, s.LastError)
	case s.OldestAge > mostBehind:
		return "", fmt.Errorf("%d wait, the oldest for %s: %s", s.Backlog, s.OldestAge.Round(time.Second), s.LastError)
	}
	return fmt.Sprintf("%d wait, none was given up", s.Backlog), nil
}

// growing are the tables with a partition for each month.
var growing = []string{"tenon.audit_log", "tenon.events", "tenon.usage_events"}

func (d *Desk) partitionsAhead(ctx context.Context) (string, error) {
	for _, table := range growing {
		missing, err := migrations.MissingPartitions(ctx, d.Pool, table, time.Now(), 3)
		if err == nil && len(missing) > 0 {
			err = fmt.Errorf("missing: %s", strings.Join(missing, ", "))
		}
		if err != nil {
			return "", err
		}
	}
	return strings.Join(growing, ", "), nil
}

func (d *Desk) migrated(ctx context.Context) (string, error) {
	conn, err := d.Owner.Acquire(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Release()
	pending, err := migrations.Plan(ctx, conn.Conn(), d.Sets...)
	if err == nil && len(pending) > 0 {
		err = fmt.Errorf("%d files are not applied, %s first", len(pending), pending[0].File)
	}
	return fmt.Sprintf("%d sets", len(d.Sets)), err
}

func (d *Desk) listening(context.Context) (string, error) {
	s := d.Listener.Stats()
	if !s.Connected {
		return "", fmt.Errorf("not connected since %s: %s", s.Since.Format(time.RFC3339), s.LastError)
	}
	return fmt.Sprintf("for %d subscribers", s.Subscribers), nil
}
