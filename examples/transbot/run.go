package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/examples/transbot/internal/billing"
	"github.com/transbotai/tenon/examples/transbot/internal/demo"
	"github.com/transbotai/tenon/examples/transbot/internal/evidence"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/helpdesk"
	"github.com/transbotai/tenon/examples/transbot/internal/insight"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/examples/transbot/internal/partners"
	"github.com/transbotai/tenon/examples/transbot/internal/privacy"
	"github.com/transbotai/tenon/examples/transbot/internal/web"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/listenpg"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifyhttp"
)

//go:embed catalog.json
var catalogFile []byte

//go:embed schema/*.sql
var schema embed.FS

// startWithin bounds everything before the first request is taken, but for making the demo's data.
const startWithin = time.Minute

// run serves until ctx is done.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) (err error) {
	c, err := readConfig(args, getenv, stderr)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	url, stop, err := database(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	settings, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	if err := migrate(ctx, settings.ConnConfig); err != nil {
		return err
	}
	pools, err := openPools(ctx, settings)
	if err != nil {
		return err
	}
	defer closePools(pools)
	pool := pools.Worker
	fake, err := fakeStripe(ctx, c, pool)
	if err != nil {
		return err
	}
	defer fake.Stop()
	oncall, err := onCall(c, logger)
	if err != nil {
		return err
	}
	book, err := newBook(pool, c, logger)
	if err != nil {
		return err
	}
	p := newPlatform(pools, fake, oncall, book, logger)
	if p.limits, err = newLimits(c.redisURL, p.gate, logger); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.limits.close()) }()
	p.partners = newPartners(p, c, book.recorder)
	if p.help, err = newHelp(p, book.recorder); err != nil {
		return err
	}
	if err := p.prepare(ctx, c, stdout); err != nil {
		return err
	}
	if err := p.openBilling(ctx, c); err != nil {
		return err
	}
	p.openPrivacy(c)
	return p.serve(ctx, c, stdout)
}

// database returns where the data is: the Postgres that the environment names, or a private one, with what stops it.
func database(ctx context.Context, c config) (url string, stop func() error, err error) {
	if c.databaseURL != "" {
		return c.databaseURL, func() error { return nil }, nil
	}
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	server, err := pgtest.Start(ctx, &pgtest.Options{Dir: c.data, Durable: true})
	if err != nil {
		return "", nil, err
	}
	return server.URL("postgres"), server.Stop, nil
}

// sets returns the migrations of tenon's packages and of the platform itself.
func sets() ([]migrations.Set, error) {
	files, err := fs.Sub(schema, "schema")
	return []migrations.Set{
		migrations.Audit,
		migrations.Directory,
		migrations.Entitlements,
		migrations.Flags,
		migrations.GDPR,
		migrations.KPI,
		migrations.Notify,
		migrations.SLO,
		migrations.Support,
		migrations.NewSet("transbot", files),
	}, err
}

func migrate(ctx context.Context, settings *pgx.ConnConfig) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	all, err := sets()
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, settings)
	if err != nil {
		return err
	}
	err = migrations.Apply(ctx, conn, all...)
	if err == nil {
		err = secure(ctx, conn)
	}
	return errors.Join(err, conn.Close(ctx))
}

// platform is the running program.
type platform struct {
	pool     *pgxpool.Pool
	store    *entitlementspg.Store
	gate     *entitlements.Gate
	flags    *flags.Set
	listener *listenpg.Listener
	ops      *ops.Desk
	partners *partners.Desk
	most     int // partners that a company of the demo lists; 0: as many as its profile says
	help     *helpdesk.Desk
	insight  *insight.Desk
	drills   bool // the demo may be broken on purpose
	limits   *limits
	adminKey string
	timed    billing.Store // store, with the clock that rights are decided by
	billing  *billing.Desk // nil: nothing is sold
	app      *pgxpool.Pool // of the role that sees one company at a time
	owner    *pgxpool.Pool // of the role that owns the tables
	evidence *evidence.Desk
	privacy  *privacy.Desk
	logger   *slog.Logger
}

// onCall returns what tells people: the webhook, or the log when there is none.
func onCall(c config, logger *slog.Logger) (tenon.Notifier, error) {
	if c.webhook == "" {
		return notify.Slog(logger), nil
	}
	return notifyhttp.New(c.webhook, tenon.NewSecret(c.webhookSecret), nil)
}

func newPlatform(pools evidence.Pools, fake *billing.Fake, oncall tenon.Notifier, book *book, logger *slog.Logger) *platform {
	pool := pools.Worker
	listener := listenpg.New(pool.Config().ConnConfig, &listenpg.Options{Logger: logger})
	store := entitlementspg.New(pool, &entitlementspg.Options{Listener: listener, Notifier: ops.Tell, Recorder: book.recorder, Logger: logger})
	timed := billing.NewStore(store, fake)
	desk := ops.New(pool, oncall, logger)
	return &platform{
		pool: pool, store: store, timed: timed, gate: entitlements.NewGate(timed, &entitlements.Options{Logger: logger}),
		flags: newFlags(pool, listener, desk.Policy, book.recorder, logger), listener: listener, ops: desk, logger: logger,
		insight: insight.New(pool, ops.Tell, logger),
		app:     pools.App, owner: pools.Owner, evidence: evidence.New(book.log, book.signer, book.anchor, pools),
	}
}

// prepare loads the catalogue, the flags and, when asked for, the demo.
func (p *platform) prepare(ctx context.Context, c config, stdout io.Writer) error {
	ctx = audit.Job(ctx, "start")
	catalog, err := entitlements.ParseCatalog(bytes.NewReader(catalogFile))
	if err != nil {
		return err
	}
	if _, err := p.gate.ApplyCatalog(ctx, catalog); err != nil {
		return err
	}
	if err := declareFlags(ctx, p.flags); err != nil {
		return err
	}
	if err := p.ops.Prepare(ctx); err != nil {
		return err
	}
	if err := p.help.Prepare(ctx); err != nil {
		return err
	}
	if err := p.insight.Prepare(ctx); err != nil {
		return err
	}
	p.adminKey, p.drills, p.most = c.adminKey, c.demo, c.partners
	if !c.demo {
		return nil
	}
	return p.fill(ctx, stdout)
}

// fill makes the demo's data and prints keys for it, as lines for a shell.
func (p *platform) fill(ctx context.Context, stdout io.Writer) error {
	ctx = audit.Job(ctx, "demo")
	now := time.Now().UTC()
	made, err := demo.Fill(ctx, p.pool, now)
	if err != nil {
		return err
	}
	p.logger.Info("demo filled", "companies", made.Companies, "quotes", made.Quotes, "took", time.Since(now).Round(time.Millisecond))
	requests, err := p.ops.Seed(ctx, now)
	if err != nil {
		return err
	}
	p.logger.Info("traffic made up", "requests", requests)
	if err := p.help.Fill(ctx, now); err != nil {
		return err
	}
	events, err := p.insight.Seed(ctx, p.pool, now)
	if err != nil {
		return err
	}
	p.logger.Info("events told", "events", events)
	keys, err := demo.Keys(ctx, freight.NewStore(p.pool), now)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "# keys to try; the companies' are good for a week")
	for _, k := range keys {
		fmt.Fprintf(stdout, "export %s_KEY=%s # %s\n", strings.ToUpper(k.Plan), k.Key, k.Company)
	}
	if p.adminKey == "" {
		p.adminKey = freight.NewKey()
		fmt.Fprintf(stdout, "export ADMIN_KEY=%s # the staff, until the program ends\n", p.adminKey)
	}
	return nil
}

func (p *platform) web(c config) *web.Server {
	return web.New(web.Config{
		Pool: p.pool, Store: p.store, Gate: p.gate, Flags: p.flags, AdminKey: p.adminKey, Ops: p.ops, Drills: p.drills,
		App: p.app, Evidence: p.evidence,
		APILimit: p.limits.api, SignInLimit: p.limits.signIn, PublicLimit: p.limits.public,
		HTTPS: c.https, Billing: p.billing, Logger: p.logger,
		Partners: p.partners,
		Help:     p.help,
		Privacy:  p.privacy,
		Insight:  p.insight,
	})
}
