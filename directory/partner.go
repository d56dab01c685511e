package directory

import (
	"cmp"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Ref names a partner and the tenant that lists it.
type Ref struct {
	Tenant string `json:"tenant"`
	ID     string `json:"id"` // a UUID
}

// Status is where a partner's draft stands.
type Status string

// The statuses of a draft.
const (
	Draft     Status = "draft"     // it is being written
	Submitted Status = "submitted" // it waits for somebody to publish it
	Published Status = "published" // it is what the public sees
)

// Partner is a listed company: what is written, and what of it is published.
type Partner struct {
	Ref
	Version   int      `json:"version"` // of the draft, from 1
	Status    Status   `json:"status"`
	Draft     Profile  `json:"draft"`
	Published *Profile `json:"published,omitempty"` // nil: nothing is

	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	PublishedAt time.Time `json:"published_at,omitzero"`
	FreshAt     time.Time `json:"fresh_at,omitzero"`    // when it was last published, or confirmed to be right
	VerifiedAt  time.Time `json:"verified_at,omitzero"` // zero: nobody did
	VerifiedBy  string    `json:"verified_by,omitempty"`
	DeletedAt   time.Time `json:"deleted_at,omitzero"`

	// What follows from the documents and the [Policy]. The Book keeps it.

	Required     []string  `json:"required,omitempty"`     // kinds of document
	VisibleUntil time.Time `json:"visible_until,omitzero"` // hidden from then on; zero: no end is known
	NextAt       time.Time `json:"next_at,omitzero"`       // when an alert is due; zero: none is
	Policy       string    `json:"policy,omitempty"`       // the mark of the policy that it was settled by
}

// Listed says whether p counts against the plan's limit: it is published, public and not removed.
func (p *Partner) Listed() bool {
	return p.Published != nil && p.Published.Public && p.DeletedAt.IsZero()
}

// services are those whose documents are required: the published ones and those of the draft.
func (p *Partner) services() []string {
	all := slices.Clone(p.Draft.Services)
	if p.Published != nil {
		all = append(all, p.Published.Services...)
	}
	return all
}

// Step is an entry of a partner's status log. Steps are added and never changed, so that who was invited stays invited
// when they onboard.
type Step struct {
	At   time.Time `json:"at"`
	What string    `json:"status"` // [Invited], [Onboarded], …
	By   string    `json:"by,omitempty"`
	Note string    `json:"note,omitempty"`
}

// What steps say.
const (
	Created       = "created"
	Invited       = "invited"
	Onboarded     = "onboarded"
	Declined      = "declined"
	StepSubmitted = "submitted"
	Rejected      = "rejected"
	StepPublished = "published"
	Unpublished   = "unpublished"
	Verified      = "verified"
	Unverified    = "unverified"
	Confirmed     = "confirmed"
	Removed       = "removed"
)

// Dossier is everything about one partner.
type Dossier struct {
	Partner
	Documents []Document // by kind, newest version first
	Log       []Step     // oldest first; within an instant in the order in which they were added
	// TenantListed is how many partners of the tenant are listed, this one included. It is read under the tenant's lock
	// and not stored from here.
	TenantListed int64
}

// Clone returns a copy that shares nothing.
func (d *Dossier) Clone() *Dossier {
	c := *d
	c.Draft = d.Draft.clone()
	if d.Published != nil {
		p := d.Published.clone()
		c.Published = &p
	}
	c.Required, c.Log = slices.Clone(d.Required), slices.Clone(d.Log)
	c.Documents = slices.Clone(d.Documents)
	for i := range c.Documents {
		c.Documents[i].Told = slices.Clone(c.Documents[i].Told)
	}
	return &c
}

func (p Profile) clone() Profile {
	p.Services, p.Regions = slices.Clone(p.Services), slices.Clone(p.Regions)
	return p
}

// Tidy puts documents in order, as stores keep them.
func (d *Dossier) Tidy() {
	slices.SortFunc(d.Documents, func(a, b Document) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(b.Version, a.Version))
	})
}

// InForce returns the newest version of the document of a kind.
func (d *Dossier) InForce(kind string) (Document, bool) {
	i := d.inForce(kind)
	if i < 0 {
		return Document{}, false
	}
	return d.Documents[i], true
}

func (d *Dossier) inForce(kind string) int {
	return slices.IndexFunc(d.Documents, func(doc Document) bool { return doc.Kind == kind })
}

// never is when a document that is missing was in force last.
var never = time.Unix(0, 0).UTC()

// inForceUntil returns the first instant at which a document of these kinds is not in force; zero when there is none.
func (d *Dossier) inForceUntil(kinds []string) (until time.Time) {
	for _, kind := range kinds {
		doc, ok := d.InForce(kind)
		at := doc.ExpiresFrom
		if !ok {
			at = never
		}
		if !at.IsZero() && (until.IsZero() || at.Before(until)) {
			until = at
		}
	}
	return until
}

// Papers returns how every kind of document stands that the partner has or should have, by kind.
func (d *Dossier) Papers(now time.Time) []Paper {
	var papers []Paper
	for i, doc := range d.Documents {
		if i > 0 && d.Documents[i-1].Kind == doc.Kind {
			continue
		}
		papers = append(papers, Paper{
			Kind: doc.Kind, Required: slices.Contains(d.Required, doc.Kind), Status: doc.Freshness(now), Document: &doc,
		})
	}
	for _, kind := range d.Required {
		if d.inForce(kind) < 0 {
			papers = append(papers, Paper{Kind: kind, Required: true, Status: Missing})
		}
	}
	slices.SortFunc(papers, func(a, b Paper) int { return cmp.Compare(a.Kind, b.Kind) })
	return papers
}

// log adds a step.
func (d *Dossier) log(now time.Time, what, by, note string) {
	d.Log = append(d.Log, Step{At: now, What: what, By: by, Note: note})
}

// has says whether the log has a step.
func (d *Dossier) has(what string) bool {
	return slices.ContainsFunc(d.Log, func(s Step) bool { return s.What == what })
}

// Effects are what others are told of an edit, in its transaction.
type Effects struct {
	Changes       []tenon.Change
	Notifications []tenon.Notification
}
