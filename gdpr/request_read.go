package gdpr

import (
	"context"
	"errors"
	"io"

	"github.com/transbotai/tenon"
)

// Request returns a request.
func (d *Desk) Request(ctx context.Context, k Key) (Request, error) {
	_, r, err := d.find(ctx, k, ActRead)
	return r, err
}

// Requests returns requests, the newest first. Without a tenant they are of all, for those who work at the desk.
func (d *Desk) Requests(ctx context.Context, q Query) ([]Request, error) {
	if _, err := d.may(ctx, ActRead, tenon.Subject{Tenant: q.Tenant}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.options.Timeout)
	defer cancel()
	return d.store.List(ctx, q)
}

// Blocked returns the holds that forbid to go on with a request; none when nothing does.
func (d *Desk) Blocked(ctx context.Context, k Key) ([]Hold, error) {
	_, r, err := d.find(ctx, k, ActRead)
	if err != nil || r.Kind != KindErasure || r.State.Closed() {
		return nil, err
	}
	c, err := d.load(ctx, k.Tenant)
	if err != nil {
		return nil, err
	}
	var held *HeldError
	if errors.As(c.held(r.User), &held) {
		return held.Holds, nil
	}
	return nil, nil
}

// Plan returns what an erasure of s would do, and changes nothing.
func (d *Desk) Plan(ctx context.Context, s tenon.Subject) (Plan, error) {
	if _, err := d.may(ctx, ActPlan, s); err != nil {
		return Plan{}, err
	}
	return d.tables.Plan(ctx, s)
}

// Document writes what the host's tables hold of s as one JSON document, at once and without a request. It is recorded
// before anything is written.
func (d *Desk) Document(ctx context.Context, s tenon.Subject, w io.Writer) error {
	if _, err := d.may(ctx, ActDownload, s); err != nil {
		return err
	}
	if d.options.Packer == nil {
		return prefix(tenon.Invalid("packer", "this desk makes no exports"))
	}
	now, err := d.now(ctx)
	if err != nil {
		return err
	}
	_, err = d.change(ctx, s.Tenant, func(*Case) (Effects, error) {
		return Effects{Changes: []tenon.Change{{Tenant: s.Tenant, Action: "gdpr.document_exported", Target: target(s), At: now}}}, nil
	})
	if err != nil {
		return err
	}
	return d.options.Packer.Document(ctx, s, w)
}

// target names a subject as the audit log does.
func target(s tenon.Subject) string {
	if s.User != "" {
		return "user/" + s.User
	}
	return "company/" + s.Tenant
}
