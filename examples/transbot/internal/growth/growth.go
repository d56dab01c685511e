// Package growth turns visitors into customers: the public calculator's estimate, and trials for whoever asks for one
// and can read mail at the address that they gave.
//
// Whoever asks becomes a lead, and one who confirms a company. Nothing that a stranger is answered depends on whether an
// address is known: not the answer, not the statements that are run for it, and not the name under which it speaks of
// the lead, which is made of the address and a secret alone. What is different is the mail.
//
// A lead and its first mail are one transaction; the mail is on its way by the outbox, which holds the lead's name and
// neither the address nor the link. The link is made when the mail is sent, and only its hash is kept. A mail that is
// sent again, because its sender died, has a new link, and the newest is the one that works.
package growth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
)

// The trial that a lead gets.
const (
	TrialPlan = "pro"
	TrialDays = 14
)

const day = 24 * time.Hour

// LinkFor is how long a mail's link is good, and so how long a lead waits to be confirmed.
const LinkFor = 72 * time.Hour

// KeepFor is how long a lead that was not confirmed, and what was mailed, is kept after that.
const KeepFor = 30 * day

// Pause passes before the same address gets a second mail. It doubles with each one, up to maxDoubled times.
const (
	Pause      = 10 * time.Minute
	maxDoubled = 6
)

// The errors about links. Both say nothing of whose it was.
var (
	ErrLink = fmt.Errorf("growth: the link is unknown, replaced by a newer one, or too old: %w", tenon.ErrDenied)
	ErrUsed = fmt.Errorf("growth: the link was used: %w", tenon.ErrConflict)
)

// DB is what a desk works with: a pool of a role that sees every company.
type DB interface {
	auditpg.Beginner
	freight.DB
}

// Options of a [Desk]. All are required but for what says otherwise.
type Options struct {
	Secret   string                      // makes the names of leads in public answers
	Notifier func(pgx.Tx) tenon.Notifier // of the entitlements' news in a transaction
	Recorder func(pgx.Tx) tenon.Recorder // of what changed in a transaction
	Mailer   Mailer
	Outbox   notify.Store // the mails on their way
	Logger   *slog.Logger
}

// Desk takes leads in. Its methods may be called concurrently.
type Desk struct {
	db     DB
	gate   *entitlements.Gate
	opts   Options
	secret []byte
	outbox *notify.Outbox
	site   string // where people reach the service, for links
}

// New returns a desk that keeps leads in db and starts trials by gate.
func New(db DB, gate *entitlements.Gate, opts Options) *Desk {
	sum := sha256.Sum256([]byte("growth\x00" + opts.Secret))
	d := &Desk{db: db, gate: gate, opts: opts, secret: sum[:]}
	d.outbox = notify.NewOutbox(opts.Outbox, map[string]tenon.Notifier{byMail: notify.Func(d.deliver)}, &notify.Options{
		Routing: routing, Logger: opts.Logger,
	})
	return d
}

// byMail is the destination of mails in the outbox. A lead's mails keep their order and wait for no other lead's.
const byMail = "mail"

var routing = notify.Routing{
	To:    notify.To(byMail),
	Group: func(n tenon.Notification) string { return n.Data["lead"] },
}

func mails(tx pgx.Tx) tenon.Notifier { return notifypg.New(tx, &notifypg.Options{Routing: routing}) }

// Stats says how mails get on.
func (d *Desk) Stats() notify.Stats { return d.outbox.Stats() }

// Ticket returns what public answers call the lead of an address, in whatever case it is typed. It is a UUID of version 8
// (RFC 9562, section 5.8): unlike a lead's own id it tells no time, and so not whether the lead was there before.
func (d *Desk) Ticket(address string) string {
	mac := hmac.New(sha256.New, d.secret)
	mac.Write([]byte(strings.ToLower(address)))
	b := mac.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Estimate estimates for so many lanes, with the plans as they are sold now.
func (d *Desk) Estimate(ctx context.Context, lanes int) (Estimate, error) {
	versions, err := d.gate.Catalog(ctx)
	if err != nil {
		return Estimate{}, err
	}
	return Calculate(lanes, versions.PlansByTier())
}

// At sets where people reach the service: what links in mails begin with. It is called before Jobs run.
func (d *Desk) At(site string) { d.site = strings.TrimSuffix(site, "/") }

// Jobs are what runs as long as the program, by name.
func (d *Desk) Jobs() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{"trial mails": d.outbox.Run, "trial leads": d.tidy}
}

// tidy forgets, every hour, what nobody confirmed.
func (d *Desk) tidy(ctx context.Context) error {
	for wait := time.Duration(0); ; wait = time.Hour {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		if err := d.Tidy(ctx); err != nil && !errors.Is(err, context.Canceled) {
			d.opts.Logger.WarnContext(ctx, "trial leads not tidied up", "err", err)
		}
	}
}
