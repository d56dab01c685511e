package main

import (
	"crypto/rand"

	"github.com/transbotai/tenon/examples/transbot/internal/privacy"
)

// openPrivacy opens the desk at which companies get their data, and are forgotten.
func (p *platform) openPrivacy(c config) {
	secret := c.secret
	if secret == "" {
		secret = rand.Text()
	}
	p.privacy = privacy.New(p.owner, p.pool, p.billing, secret, p.logger)
}
