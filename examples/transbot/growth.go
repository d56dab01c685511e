package main

import (
	"crypto/rand"
	"net"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/growth"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/notify/notifypg"
)

// newGrowth returns the desk that takes trials in. Its mails go to a folder. With a secret, leads keep their public names
// at every instance and after a restart; without one, for as long as the program runs.
func newGrowth(p *platform, c config, recorder func(pgx.Tx) tenon.Recorder) *growth.Desk {
	secret := c.secret
	if secret == "" {
		secret = rand.Text()
	}
	return growth.New(p.pool, p.gate, growth.Options{
		Secret: secret, Notifier: ops.Tell, Recorder: recorder, Mailer: growth.NewFolder(c.mailFolder()),
		Outbox: notifypg.New(p.pool, nil), Logger: p.logger,
	})
}

// grow does the background work of trials, whose mails lead to the site.
func (p *platform) grow(background *group, c config, listens net.Addr) {
	site := c.url
	if site == "" {
		site = "http://" + listens.String()
	}
	p.growth.At(site)
	for name, job := range p.growth.Jobs() {
		background.run(name, job)
	}
}
