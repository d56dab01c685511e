package operating_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/notify/notifytest"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitpg"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

// services are all packages of one process, wired as a host wires them: whoever tells writes into the outbox.
type services struct {
	rights  *entitlementspg.Store
	gate    *entitlements.Gate
	limits  *ratelimitpg.Store
	flags   *flags.Set
	counts  *slopg.Store
	board   *slo.Board
	outbox  *notify.Outbox
	log     *audit.Log
	records *auditpg.Store
	privacy *gdpr.Desk
	events  *kpipg.Store
	tracker *kpi.Tracker
	figures *kpi.Board
	batcher *kpi.Batcher
	book    *directory.Book
	desk    *support.Desk
	timers  *support.Timers
	told    *notifytest.Notifier
}

// patience bounds a call, on a busy machine.
const patience = time.Minute

// open wires everything on a handle. Loops turn fast, so that much happens in little time.
func open(t *testing.T, db pgtest.Handle, timeout time.Duration) *services {
	t.Helper()
	const fast = 5 * time.Millisecond
	news := func(tx pgx.Tx) tenon.Notifier { return notifypg.New(tx, nil) }
	record := func(tx pgx.Tx) tenon.Recorder { return audit.NewLog(auditpg.New(tx, nil), nil) }
	s := &services{told: &notifytest.Notifier{}}
	s.rights = entitlementspg.New(db, &entitlementspg.Options{
		Notifier: news, Recorder: record, Timeout: timeout, Every: fast,
	})
	s.gate = entitlements.NewGate(s.rights, &entitlements.Options{Timeout: timeout, Refresh: fast})
	s.limits = ratelimitpg.New(db, &ratelimitpg.Options{Every: fast})
	s.flags = flags.NewSet(flagspg.New(db, &flagspg.Options{Notifier: news, Recorder: record}), &flags.Options{
		Timeout: timeout, Refresh: fast, Every: fast,
	})
	s.counts = slopg.New(db, &slopg.Options{Notifier: news, Recorder: record, Every: fast})
	s.board = slo.NewBoard(s.counts, &slo.Options{Timeout: timeout, Every: fast})
	destinations := map[string]tenon.Notifier{"default": s.told}
	s.outbox = notify.NewOutbox(notifypg.New(db, nil), destinations, &notify.Options{Poll: fast})
	signer, err := audit.NewSigner("example.com/audit", bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	s.records = auditpg.New(db, nil)
	s.log = audit.NewLog(s.records, &audit.Options{SealEvery: fast, CheckpointEvery: fast, Signer: signer})
	company := &gdpr.Definition{Root: gdpr.Root{Table: "public.companies", Key: "id"}}
	host := gdprpg.NewHost(db, gdprpg.HostOptions{Company: company})
	s.privacy = gdpr.NewDesk(gdprpg.New(db, &gdprpg.Options{Notifier: news, Recorder: record}), host,
		func(context.Context, gdpr.Asked) error { return nil }, &gdpr.Options{Every: fast, Timeout: timeout})
	s.events = kpipg.New(db, &kpipg.Options{Notifier: news, Recorder: record, Every: fast})
	s.tracker = kpi.NewTracker(s.events, &kpi.TrackerOptions{Timeout: timeout})
	s.figures = kpi.NewBoard(s.events, &kpi.BoardOptions{Timeout: timeout, Every: fast})
	s.batcher = kpi.NewBatcher(s.tracker, &kpi.BatcherOptions{Flush: fast, Retry: fast})
	partners := directorypg.New(db, &directorypg.Options{Notifier: news, Recorder: record})
	s.book = directory.NewBook(partners, &directory.Options{Timeout: timeout, Every: fast})
	tickets := supportpg.New(db, &supportpg.Options{Notifier: news, Recorder: record})
	s.desk = support.NewDesk(tickets)
	s.timers, err = support.NewTimers(tickets, s.desk.Work(), &support.TimersOptions{Poll: fast})
	require.NoError(t, err)
	return s
}

// loops are what the process runs in the background.
func (s *services) loops() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"audit.Log": s.log.Run, "directory.Book": s.book.Run, "entitlements.Gate": s.gate.Run,
		"entitlementspg.Store": s.rights.Run, "flags.Set": s.flags.Run, "gdpr.Desk": s.privacy.Run,
		"kpi.Batcher": s.batcher.Run, "kpi.Board": s.figures.Run, "kpipg.Store": s.events.Run,
		"notify.Outbox": s.outbox.Run, "ratelimitpg.Store": s.limits.Run, "slo.Board": s.board.Run,
		"slopg.Store": s.counts.Run, "support.Timers": s.timers.Run,
	}
}

// writes are one of each package, about a tenant.
func (s *services) writes(tenant string) map[string]func(context.Context) error {
	key := ratelimit.Key{Tenant: tenant}
	return map[string]func(context.Context) error{
		"audit": func(ctx context.Context) error {
			_, err := s.log.Record(ctx, audit.Record{Tenant: tenant, Action: "quote.sent"})
			return err
		},
		"directory": func(ctx context.Context) error {
			_, err := s.book.Create(ctx, tenant, directory.Profile{Name: "One " + tenant, Services: []string{"ltl"}})
			return err
		},
		"entitlements": func(ctx context.Context) error {
			_, err := s.gate.Consume(ctx, entitlements.Use{Tenant: tenant, Feature: "calls", Quantity: 1})
			return err
		},
		"flags": func(ctx context.Context) error {
			if err := s.flags.Load(ctx); err != nil {
				return err
			}
			return s.flags.Declare(ctx, flags.Definition{Key: "flag-" + tenant, Type: flags.TypeBool})
		},
		"gdpr": func(ctx context.Context) error {
			_, err := s.privacy.Hold(ctx, tenon.Subject{Tenant: tenant}, "a lawsuit")
			return err
		},
		"kpi": func(ctx context.Context) error {
			_, err := s.tracker.Track(ctx, kpi.Event{Tenant: tenant, Name: "quote_sent", Key: "1"})
			return err
		},
		"notify": func(ctx context.Context) error {
			return s.outbox.Notify(ctx, notifytest.Notification(tenant, "news of "+tenant))
		},
		"ratelimit": func(ctx context.Context) error {
			limits := []ratelimit.Limit{ratelimit.PerMinute(5)}
			_, err := s.limits.Settle(ctx, []ratelimit.Op{{Key: key, Limits: limits, N: 1, Least: 1}})
			return err
		},
		"slo": func(ctx context.Context) error {
			_, err := s.board.Define(ctx, slo.Objective{
				Key: slo.Key{Tenant: tenant, Name: "uptime"}, Kind: slo.Ratio, Target: 990_000,
				Window: slo.Window{Length: time.Hour},
			})
			return err
		},
		"support": func(ctx context.Context) error {
			_, err := s.desk.Open(ctx, support.NewTicket{Tenant: tenant, Priority: support.P1, Issue: "it is down"})
			return err
		},
	}
}

// staff is who calls.
func staff(ctx context.Context) context.Context {
	return tenon.WithCaller(ctx, tenon.Caller{Actor: "ann"})
}

// prepare declares what writes and boards need.
func prepare(t *testing.T, s *services, tenants ...string) {
	t.Helper()
	ctx := staff(t.Context())
	_, err := s.rights.Declare(ctx, entitlements.Catalog{
		Features: []entitlements.Feature{{Key: "calls", Kind: entitlements.Metered}},
		Plans: []entitlements.Plan{{ID: "basic", Features: map[string]entitlements.Allowance{
			"calls": {Limits: []entitlements.Limit{{Hard: 100, Period: entitlements.Monthly}}},
		}}},
	}, time.Now())
	require.NoError(t, err)
	require.NoError(t, s.figures.Define(ctx, kpi.KPI{Name: "sent", Count: &kpi.Count{Of: kpi.On("quote_sent")}}))
	for _, tenant := range tenants {
		_, err := s.gate.Subscribe(ctx, entitlements.Subscription{Tenant: tenant, Plan: "basic"})
		require.NoError(t, err)
	}
}
