package main

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/examples/transbot/internal/demo"
	"github.com/transbotai/tenon/examples/transbot/internal/insight"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/examples/transbot/internal/partners"
	"github.com/transbotai/tenon/flags"
)

// autoApprove lets invited partners be listed without anybody looking at them first.
var autoApprove = flags.Bool("invite_auto_approve", false)

// deeds tells the audit log of a change to the directory and, where it is one of the business' events, the figures: all in
// the transaction of the change.
type deeds struct {
	tenon.Recorder
	tx pgx.Tx
}

const invitedSQL = `
select min(at)
from tenon.directory_status_log
where tenant_id = $1
  and partner_id = $2::uuid
  and status = 'invited'`

// RecordChange implements [tenon.Recorder].
func (d deeds) RecordChange(ctx context.Context, c tenon.Change) error {
	if err := d.Recorder.RecordChange(ctx, c); err != nil {
		return err
	}
	who, _ := tenon.CallerFrom(ctx)
	deed := insight.Deed{Company: c.Tenant, User: who.Actor, At: c.At}
	partner := strings.TrimPrefix(c.Target, "partner/")
	switch c.Action {
	case "directory.invited":
		return insight.Track(ctx, d.tx, deed.Invited(partner, "carrier"))
	case "directory.onboarded":
		var invited *time.Time
		if err := d.tx.QueryRow(ctx, invitedSQL, c.Tenant, partner).Scan(&invited); err != nil || invited == nil {
			return err
		}
		return insight.Track(ctx, d.tx, deed.Onboarded(partner, c.At.Sub(*invited)))
	}
	return nil
}

// newPartners returns the partner directory. Of papers that run out, whoever is on call is told. With a secret, cursors
// and invitations are good at every instance and after a restart; without one, for as long as the program runs.
func newPartners(p *platform, c config, recorder func(pgx.Tx) tenon.Recorder) *partners.Desk {
	var key tenon.Secret
	if c.secret != "" {
		sum := sha256.Sum256([]byte("directory\x00" + c.secret))
		key = tenon.NewSecret(string(sum[:]))
	}
	auto := func(company string) bool { return autoApprove.OnFor(p.flags, &flags.Who{Tenant: company}) }
	return partners.New(p.pool, p.gate, key, auto, directorypg.Options{
		Notifier: ops.Tell, Recorder: func(tx pgx.Tx) tenon.Recorder { return deeds{recorder(tx), tx} },
	}, p.logger)
}

// list does the background work of the directory.
func (p *platform) list(background *group) {
	for name, job := range p.partners.Jobs() {
		background.run(name, job)
	}
	if p.drills {
		background.run("demo partners", p.fillPartners)
	}
}

// fillPartners lists the demo's partners while people look around already; there are two thousand. When the database is
// away it goes on later.
func (p *platform) fillPartners(ctx context.Context) error {
	ctx = audit.Job(ctx, "demo")
	var listings []partners.Listing
	for _, l := range demo.Listings() {
		if p.most > 0 {
			l.Count = min(l.Count, p.most)
		}
		listings = append(listings, partners.Listing{Company: l.Company, Count: l.Count})
	}
	for began, wait := time.Now(), time.Duration(0); ; wait = 5 * time.Second {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		added, err := p.partners.Fill(ctx, listings, began)
		if err == nil {
			p.logger.Info("partners listed", "partners", added, "took", time.Since(began).Round(time.Millisecond))
			<-ctx.Done()
			return ctx.Err()
		}
		p.logger.Warn("partners not listed yet", "err", err)
	}
}
