package gdprpg_test

import (
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
)

var secret = gdpr.NewSecret("a secret of more than thirty-two bytes")

// A busy machine is given time.
const (
	patience = 30 * time.Second
	tick     = 2 * time.Millisecond
)

var asked = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// deletion returns a new one for a company.
func deletion(tenant string) gdpr.Deletion {
	return gdpr.Deletion{ID: tenon.NewID(asked), Subject: tenon.Subject{Tenant: tenant}, At: asked}
}
