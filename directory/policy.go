package directory

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Policy says which documents partners need and when somebody is told. Every process of a host has the same; when a
// host changes it, [Book.Run] brings every partner in line.
type Policy struct {
	// Required are the kinds of document that a service requires, by the service; those under "" every partner needs.
	Required map[string][]string
	// HideExpired hides a partner from the public from the instant at which it lacks a required document that is in
	// force, until it has one again.
	HideExpired bool
	// Soon is how many days before its last day a document is expiring soon; 0 means 7.
	Soon int
	// Thresholds are how many days before a document's last day somebody is told; nil means {7}. That it has expired
	// is always told.
	Thresholds []int
}

func (p Policy) withDefaults() (Policy, error) {
	if p.Soon == 0 {
		p.Soon = 7
	}
	if p.Thresholds == nil {
		p.Thresholds = []int{7}
	}
	p.Thresholds = slices.Clone(p.Thresholds)
	slices.Sort(p.Thresholds)
	p.Thresholds = slices.Compact(p.Thresholds)
	if p.Soon < 0 || p.Soon > maxDays {
		return p, tenon.Invalid("policy.soon", "is not within 1 and %d days", maxDays)
	}
	for _, days := range p.Thresholds {
		if days < 1 || days > maxDays {
			return p, tenon.Invalid("policy.thresholds", "%d is not within 1 and %d days", days, maxDays)
		}
	}
	required := map[string][]string{}
	for service, kinds := range p.Required {
		if service != "" && !isKey(service) {
			return p, tenon.Invalid("policy.required", "%.70q is not the key of a service", service)
		}
		var err error
		if required[service], err = keys("policy.required", kinds, maxServices); err != nil {
			return p, err
		}
	}
	p.Required = required
	return p, nil
}

// maxDays bounds thresholds: ten years.
const maxDays = 3660

// required returns the kinds that a partner of these services needs, in order.
func (p Policy) required(services []string) []string {
	kinds := slices.Clone(p.Required[""])
	for _, s := range services {
		if s != "" {
			kinds = append(kinds, p.Required[s]...)
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// mark returns a text that differs when the policy does.
func (p Policy) mark() string {
	h := fnv.New64a()
	fmt.Fprintln(h, p.HideExpired, p.Soon, p.Thresholds)
	for _, service := range slices.Sorted(maps.Keys(p.Required)) {
		fmt.Fprintf(h, "%q %q\n", service, slices.Sorted(slices.Values(p.Required[service])))
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// settle brings what follows from the documents and the policy in line.
func (p Policy) settle(d *Dossier) {
	partner := &d.Partner
	partner.Policy, partner.NextAt = p.mark(), time.Time{}
	partner.Required = p.required(partner.services())
	for i := range d.Documents {
		doc := &d.Documents[i]
		if i > 0 && d.Documents[i-1].Kind == doc.Kind { // superseded
			doc.NextAlert = time.Time{}
			continue
		}
		p.schedule(doc, partner.Draft.Zone)
		if at := doc.NextAlert; !at.IsZero() && (partner.NextAt.IsZero() || at.Before(partner.NextAt)) {
			partner.NextAt = at
		}
	}
	partner.VisibleUntil = time.Time{}
	if p.HideExpired && partner.Published != nil { // a draft that will need more hides nobody
		partner.VisibleUntil = d.inForceUntil(p.required(partner.Published.Services))
	}
	if !partner.DeletedAt.IsZero() {
		partner.NextAt = time.Time{}
	}
}

// schedule computes a document's instants.
func (p Policy) schedule(doc *Document, zone string) {
	doc.ExpiresFrom, doc.SoonFrom, doc.NextAlert = time.Time{}, time.Time{}, time.Time{}
	if doc.Expires.IsZero() {
		return
	}
	at := doc.location(zone)
	doc.ExpiresFrom = doc.Expires.End(at)
	doc.SoonFrom = doc.Expires.Add(-p.Soon).Start(at)
	for _, days := range slices.Backward(p.steps()) {
		if !doc.told(days) {
			doc.NextAlert = thresholdAt(*doc, days, at)
			return
		}
	}
}

// steps are the thresholds, expired among them, tightest first.
func (p Policy) steps() []int { return append([]int{0}, p.Thresholds...) }

// told says whether the threshold was told, or a tighter one, after which it would be old news.
func (d Document) told(days int) bool {
	return slices.ContainsFunc(d.Told, func(t int) bool { return t <= days })
}

// location returns the zone in which d expires, where partner is the partner's. A machine that lost a zone which it
// knew when the document was added takes UTC.
func (d Document) location(partner string) *time.Location {
	zone, err := zoneOf(cmp.Or(d.Zone, partner))
	if err != nil {
		return time.UTC
	}
	return zone
}

// thresholdAt returns from when on a document is so many days, or fewer, from its last day; 0 for expired.
func thresholdAt(doc Document, days int, zone *time.Location) time.Time {
	if days == 0 {
		return doc.ExpiresFrom
	}
	return doc.Expires.Add(-days).Start(zone)
}
