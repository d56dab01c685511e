package main

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/growth"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/notify/notifypg"
)

// postbox is a mailer that keeps mails, and fails as often as it is told to.
type postbox struct {
	mu    sync.Mutex
	mails []growth.Mail
	fails int
}

var errAway = errors.New("the mail server is away")

func (p *postbox) Send(_ context.Context, m growth.Mail) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails > 0 {
		p.fails--
		return errAway
	}
	p.mails = append(p.mails, m)
	return nil
}

var mailedLink = regexp.MustCompile(`http://transbot\.test/signup/([0-9a-f-]{36})/([\w-]{43})`)

// to returns the mails to an address.
func (p *postbox) to(address string) (mails []growth.Mail) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.mails {
		if m.To == address {
			mails = append(mails, m)
		}
	}
	return mails
}

// trials is a desk for trials on a database of its own.
type trials struct {
	*growth.Desk
	t    *testing.T
	pool *pgxpool.Pool
	gate *entitlements.Gate
	box  *postbox
}

func newTrials(t *testing.T) *trials {
	t.Helper()
	pool, gate := filling(t)
	d := &trials{t: t, pool: pool, gate: gate, box: &postbox{}}
	d.Desk = d.over(pool)
	d.At("http://transbot.test/")
	return d
}

// over returns the same desk on another handle.
func (d *trials) over(db growth.DB) *growth.Desk {
	book, err := newBook(d.pool, config{databaseURL: "one of the tests"}, slog.New(slog.DiscardHandler))
	require.NoError(d.t, err)
	return growth.New(db, d.gate, growth.Options{
		Secret: "a secret of the tests", Notifier: ops.Tell, Recorder: book.recorder, Mailer: d.box, Outbox: notifypg.New(d.pool, nil),
		Logger: slog.New(slog.DiscardHandler),
	})
}

// send delivers mails until the test ends.
func (d *trials) send() {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Jobs()["trial mails"](ctx) }()
	d.t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			require.NoError(d.t, err)
		}
	})
}

// linkTo waits for so many mails to an address and returns the link of the last.
func (d *trials) linkTo(address string, mails int) growth.Link {
	d.t.Helper()
	require.Eventually(d.t, func() bool { return len(d.box.to(address)) >= mails }, inTime, 20*time.Millisecond)
	all := d.box.to(address)
	require.Len(d.t, all, mails)
	m := mailedLink.FindStringSubmatch(all[mails-1].Text)
	require.NotNil(d.t, m, all[mails-1].Text)
	return growth.Link{Lead: m[1], Token: m[2]}
}

func (d *trials) ask(address string) (ticket string) {
	d.t.Helper()
	ticket, err := d.Ask(d.t.Context(), growth.Request{Email: address, Lanes: 40})
	require.NoError(d.t, err)
	return ticket
}

// exec changes what is stored behind the desk's back.
func (d *trials) exec(sql string, args ...any) {
	d.t.Helper()
	_, err := d.pool.Exec(d.t.Context(), sql, args...)
	require.NoError(d.t, err)
}

func (d *trials) count(sql string, args ...any) (n int) {
	d.t.Helper()
	require.NoError(d.t, d.pool.QueryRow(d.t.Context(), "select count(*) "+sql, args...).Scan(&n))
	return n
}

var founding = growth.Founding{Company: "Acme & Söhne", Kind: "shipper", City: "Reno, NV", Person: "Ann"}

// requireFounded looks for everything that confirming makes, once.
func (d *trials) requireFounded(company, lead string) {
	d.t.Helper()
	for what, sql := range map[string]string{
		"company": "from companies where id = $1 and name = 'Acme & Söhne' and kind = 'shipper' and city = 'Reno, NV'",
		"user":    "from users where company_id = $1 and name = 'Ann' and role = 'owner'",
		"key":     "from api_keys where company_id = $1",
		"trial":   "from tenon.org_entitlements where tenant_id = $1 and status = 'trialing'",
		"record":  "from tenon.audit_log where tenant_id = $1 and action = 'trial.confirmed'",
		"lead":    "from trial_leads where company_id = $1 and state = 'confirmed' and token_used_at is not null",
	} {
		require.Equal(d.t, 1, d.count(sql, company), what)
	}
	require.Equal(d.t, 1, d.count("from trial_leads where id = $1", lead))
}
