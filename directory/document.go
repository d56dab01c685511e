package directory

import (
	"time"

	"github.com/transbotai/tenon"
)

// Document is a paper of a partner: a certificate, a licence, a policy. A partner has one of each kind in force; what
// it renews is the next version of the same kind.
type Document struct {
	Kind    string `json:"kind"` // a key, as services are: "insurance/cargo"
	Version int    `json:"version"`
	Number  string `json:"number,omitempty"`
	Issuer  string `json:"issuer,omitempty"`
	Issued  Date   `json:"issued_at,omitzero"`
	// Expires is the last day on which the document is in force, to the end of that day in Zone, in the years from 1900
	// to 9998. Zero: it never expires.
	Expires Date `json:"expires_at,omitzero"`
	// Zone is the IANA name of the zone of Expires; empty is the partner's.
	Zone string `json:"zone,omitempty"`
	File string `json:"file,omitempty"` // the host's reference to where the paper itself is kept

	AddedAt    time.Time `json:"added_at"`
	AddedBy    string    `json:"added_by,omitempty"`
	VerifiedAt time.Time `json:"verified_at,omitzero"` // zero: nobody did
	VerifiedBy string    `json:"verified_by,omitempty"`

	// What follows from the above, the [Policy] and what was told. The Book keeps it.

	ExpiresFrom time.Time `json:"expired_from,omitzero"` // the first instant at which it is not in force; zero: never
	SoonFrom    time.Time `json:"soon_from,omitzero"`    // the first instant at which it is expiring soon
	NextAlert   time.Time `json:"next_alert,omitzero"`   // when something is to be told; zero: nothing is left
	Told        []int     `json:"told,omitempty"`        // thresholds in days that have passed, 0 for expired
}

// The years in which documents expire. The instants that follow, in any zone and maxDays before, can be written as RFC
// 3339 wants them, in four digits.
const (
	firstYear = 1900
	lastYear  = 9998
)

func (d Document) check() error {
	switch {
	case !isKey(d.Kind):
		return tenon.Invalid("kind", "%.70q is not a key of lower case letters, digits and - _ . /", d.Kind)
	case !d.Issued.IsZero() && !d.Issued.valid():
		return tenon.Invalid("issued_at", "is not a day of the calendar")
	case !d.Expires.IsZero() && !d.Expires.valid():
		return tenon.Invalid("expires_at", "is not a day of the calendar")
	case !d.Expires.IsZero() && (d.Expires.Year < firstYear || d.Expires.Year > lastYear):
		return tenon.Invalid("expires_at", "is not within %d and %d; what never expires has none", firstYear, lastYear)
	case !d.Expires.IsZero() && d.Issued.Compare(d.Expires) > 0:
		return tenon.Invalid("expires_at", "is before issued_at")
	}
	for _, f := range []struct{ name, text string }{{"number", d.Number}, {"issuer", d.Issuer}, {"file", d.File}} {
		if err := checkText(f.name, f.text, maxWebsite, false); err != nil {
			return err
		}
	}
	_, err := zoneOf(d.Zone)
	return err
}

// Freshness is how a paper stands.
type Freshness string

// How a paper may stand, worst first.
const (
	Missing      Freshness = "missing" // it is required and there is none
	Expired      Freshness = "expired"
	ExpiringSoon Freshness = "expiring_soon"
	Valid        Freshness = "valid"
)

// Freshness returns how d stands at an instant.
func (d Document) Freshness(now time.Time) Freshness {
	switch {
	case d.ExpiresFrom.IsZero():
		return Valid
	case !now.Before(d.ExpiresFrom):
		return Expired
	case !now.Before(d.SoonFrom):
		return ExpiringSoon
	}
	return Valid
}

// Paper is a kind of document that a partner has or should have, and how it stands.
type Paper struct {
	Kind     string     `json:"kind"`
	Required bool       `json:"required"`
	Status   Freshness  `json:"status"`
	Document *Document  `json:"document,omitempty"` // the version in force; nil when it is missing
	Versions []Document `json:"versions,omitempty"` // all, newest first, where they were asked for
}
