package main

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/examples/transbot/internal/demo"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/examples/transbot/internal/partners"
	"github.com/transbotai/tenon/flags"
)

// autoApprove lets invited partners be listed without anybody looking at them first.
var autoApprove = flags.Bool("invite_auto_approve", false)

// newPartners returns the partner directory. Of papers that run out, whoever is on call is told. With a secret, cursors
// and invitations are good at every instance and after a restart; without one, for as long as the program runs.
func newPartners(p *platform, c config) *partners.Desk {
	var key directory.Key
	if c.secret != "" {
		sum := sha256.Sum256([]byte("directory\x00" + c.secret))
		key = sum[:]
	}
	auto := func(company string) bool { return autoApprove.OnFor(p.flags, &flags.Who{Tenant: company}) }
	return partners.New(p.pool, p.gate, key, auto, directorypg.Options{Notifier: ops.Tell}, p.logger)
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

// fillPartners lists the demo's partners while people look around already; there are two thousand.
func (p *platform) fillPartners(ctx context.Context) error {
	var listings []partners.Listing
	for _, l := range demo.Listings() {
		listings = append(listings, partners.Listing{Company: l.Company, Count: l.Count})
	}
	began := time.Now()
	added, err := p.partners.Fill(ctx, listings, began)
	if err != nil {
		return err
	}
	p.logger.Info("partners listed", "partners", added, "took", time.Since(began).Round(time.Millisecond))
	<-ctx.Done()
	return ctx.Err()
}
