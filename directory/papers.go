package directory

import (
	"context"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// AddDocument adds a document, or the next version of the one of its kind, which supersedes what came before: from then
// on nothing is told of older versions. Version and what the Book keeps are set by it. It returns the document as it is
// kept.
func (b *Book) AddDocument(ctx context.Context, ref Ref, doc Document) (Document, error) {
	if err := doc.check(); err != nil {
		return Document{}, prefix(err)
	}
	d, err := b.revise(ctx, ref, func(d *Dossier, now time.Time) (Effects, error) {
		last, _ := d.InForce(doc.Kind)
		if len(d.Documents) >= maxDocuments {
			return Effects{}, tenon.Invalid("documents", "are %d versions already", maxDocuments)
		}
		added := Document{
			Kind: doc.Kind, Version: last.Version + 1, Number: doc.Number, Issuer: doc.Issuer, Issued: doc.Issued,
			Expires: doc.Expires, Zone: doc.Zone, File: doc.File, AddedAt: now, AddedBy: actor(ctx),
		}
		d.Documents = append(d.Documents, added)
		d.Tidy()
		return changed("directory.document_added", d, nil, added, "", now), nil
	})
	if err != nil {
		return Document{}, err
	}
	added, _ := d.InForce(doc.Kind)
	return added, nil
}

// maxDocuments bounds a dossier: ten kinds renewed each month for eight years.
const maxDocuments = 1000

// VerifyDocument notes that somebody looked at the paper. It verifies the version in force alone: an older one is an
// [ErrSuperseded].
func (b *Book) VerifyDocument(ctx context.Context, ref Ref, kind string, version int) (Document, error) {
	d, err := b.revise(ctx, ref, func(d *Dossier, now time.Time) (Effects, error) {
		i := d.inForce(kind)
		switch {
		case i < 0 || version > d.Documents[i].Version || version < 1:
			return Effects{}, ErrUnknownDocument
		case version < d.Documents[i].Version:
			return Effects{}, ErrSuperseded
		case !d.Documents[i].VerifiedAt.IsZero():
			return Effects{}, nil
		}
		d.Documents[i].VerifiedAt, d.Documents[i].VerifiedBy = now, actor(ctx)
		return changed("directory.document_verified", d, nil, d.Documents[i], "", now), nil
	})
	if err != nil {
		return Document{}, err
	}
	doc, _ := d.InForce(kind)
	return doc, nil
}

// Papers returns how every document stands that a partner has or should have, with all versions.
func (b *Book) Papers(ctx context.Context, ref Ref) ([]Paper, error) {
	now, err := b.now(ctx)
	if err != nil {
		return nil, err
	}
	d, err := b.Partner(ctx, ref)
	if err != nil {
		return nil, err
	}
	papers := d.Papers(now)
	for i, p := range papers {
		papers[i].Versions = slices.DeleteFunc(slices.Clone(d.Documents), func(doc Document) bool { return doc.Kind != p.Kind })
	}
	return papers, nil
}

// StalePaper is a paper that needs attention, and whose it is.
type StalePaper struct {
	Ref
	Name string `json:"company_name"`
	Paper
}

// Stale returns the papers of a tenant, or of all when it is empty, that are missing, expired or expiring soon, of at
// most limit partners after the page before; the limit is as that of [Book.List].
func (b *Book) Stale(ctx context.Context, tenant, after string, limit int) (*StalePage, error) {
	now, err := b.now(ctx)
	if err != nil {
		return nil, err
	}
	limit = listLimit(limit)
	found, err := b.List(ctx, ListQuery{Tenant: tenant, StaleAt: now, After: after, Limit: limit})
	if err != nil {
		return nil, err
	}
	page := &StalePage{Papers: []StalePaper{}}
	for _, d := range found {
		for _, p := range d.Papers(now) {
			if p.Status != Valid {
				page.Papers = append(page.Papers, StalePaper{d.Ref, d.Draft.Name, p})
			}
		}
	}
	if len(found) == limit {
		page.Next = found[limit-1].ID
	}
	return page, nil
}

// StalePage is papers that need attention.
type StalePage struct {
	Papers []StalePaper `json:"papers"`
	Next   string       `json:"next,omitempty"` // what the next page comes after; empty at the end
}
