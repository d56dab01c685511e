package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/transbotai/tenon"
)

// Create lists a new partner of the tenant, as a draft that nobody but the tenant sees. It does not count against the
// plan's limit until it is published.
func (b *Book) Create(ctx context.Context, tenant string, p Profile) (*Dossier, error) {
	return b.create(ctx, tenant, p, func(d *Dossier, now time.Time, by string) Effects {
		d.log(now, Created, by, "")
		return changed("directory.created", d, nil, d.Draft, "", now)
	})
}

func (b *Book) create(
	ctx context.Context, tenant string, p Profile, then func(d *Dossier, now time.Time, by string) Effects,
) (*Dossier, error) {
	p, err := p.Normalize()
	if err != nil {
		return nil, prefix(err)
	}
	if err := checkTenant(tenant); err != nil {
		return nil, prefix(err)
	}
	at, err := b.now(ctx)
	if err != nil {
		return nil, err
	}
	return b.change(ctx, Ref{tenant, tenon.NewID(at)}, func(d *Dossier, now time.Time) (Effects, error) {
		d.Version, d.Status, d.Draft, d.CreatedAt, d.UpdatedAt = 1, Draft, p, now, now
		return then(d, now, actor(ctx)), nil
	})
}

func checkTenant(tenant string) error {
	if tenant == "" {
		return tenon.Invalid("tenant", "is empty")
	}
	return checkText("tenant", tenant, maxName, false)
}

// possible says whether a partner may have this name. Text that no tenant has finds nothing in any store.
func (r Ref) possible() bool { return isUUID(r.ID) && checkTenant(r.Tenant) == nil }

// Save replaces the draft of the version that was read, and makes the next one. What is published stays as it is until
// the draft is published anew. When somebody saved meanwhile, it is an [ErrVersion].
func (b *Book) Save(ctx context.Context, ref Ref, version int, p Profile) (*Dossier, error) {
	p, err := p.Normalize()
	if err != nil {
		return nil, prefix(err)
	}
	return b.revise(ctx, ref, func(d *Dossier, now time.Time) (Effects, error) {
		if d.Version != version {
			return Effects{}, ErrVersion
		}
		before := d.Draft
		d.Version, d.Status, d.Draft = version+1, Draft, p
		return changed("directory.saved", d, before, p, "", now), nil
	})
}

// Submit hands the draft in, to be published. What is submitted already stays so.
func (b *Book) Submit(ctx context.Context, ref Ref, version int) (*Dossier, error) {
	return b.revise(ctx, ref, func(d *Dossier, now time.Time) (Effects, error) {
		switch {
		case d.Version != version:
			return Effects{}, ErrVersion
		case d.Status != Draft:
			return Effects{}, nil
		}
		d.Status = Submitted
		d.log(now, StepSubmitted, actor(ctx), "")
		return changed("directory.submitted", d, nil, nil, "", now), nil
	})
}

// Reject hands a submitted draft back, with the reason in the log.
func (b *Book) Reject(ctx context.Context, ref Ref, reason string) (*Dossier, error) {
	if err := checkReason(reason); err != nil {
		return nil, err
	}
	return b.revise(ctx, ref, func(d *Dossier, now time.Time) (Effects, error) {
		if d.Status != Submitted {
			return Effects{}, ErrStatus
		}
		d.Status = Draft
		d.log(now, Rejected, actor(ctx), reason)
		return changed("directory.rejected", d, nil, nil, reason, now), nil
	})
}

// Publication is what came of publishing.
type Publication struct {
	*Dossier
	// Refused says why nothing was published, in words for people; empty when it was.
	Refused []string
	// Limit is the plan's where that is the reason; 0 otherwise.
	Limit int64
}

// Publish makes the submitted draft what the public sees. It is refused when the plan's limit is reached, or, under
// [Policy.HideExpired], when a required document is missing or expired; the draft then stays submitted. A partner whose
// draft is not Public is published to nobody and does not count against the limit.
func (b *Book) Publish(ctx context.Context, ref Ref, version int) (*Publication, error) {
	limit, err := b.limit(ctx, ref.Tenant)
	if err != nil {
		return nil, err
	}
	res := &Publication{}
	res.Dossier, err = b.revise(ctx, ref, func(d *Dossier, now time.Time) (Effects, error) {
		res.Refused, res.Limit = nil, 0
		switch {
		case d.Version != version:
			return Effects{}, ErrVersion
		case d.Status == Published: // it is what the public sees
			return Effects{}, nil
		case d.Status != Submitted:
			return Effects{}, ErrStatus
		}
		if b.refuse(res, d, limit, now); len(res.Refused) > 0 {
			return Effects{}, nil
		}
		before, p := d.Published, d.Draft.clone()
		d.Status, d.Published, d.PublishedAt, d.FreshAt = Published, &p, now, now
		d.log(now, StepPublished, actor(ctx), "")
		return changed("directory.published", d, before, p, "", now), nil
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// limit asks what the tenant may list. It is asked outside of the transaction, and compared within it.
func (b *Book) limit(ctx context.Context, tenant string) (int64, error) {
	if b.options.Limits == nil {
		return -1, nil
	}
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	return b.options.Limits.Limit(ctx, tenant)
}

// refuse says what keeps the draft from being published.
func (b *Book) refuse(res *Publication, d *Dossier, limit int64, now time.Time) {
	if !d.Draft.Public {
		return
	}
	if !d.Listed() && limit >= 0 && d.TenantListed >= limit {
		res.Limit = limit
		res.Refused = append(res.Refused, fmt.Sprintf("the plan lists %d partners, and %d are listed", limit, d.TenantListed))
	}
	if !b.policy.HideExpired {
		return
	}
	for _, kind := range b.policy.required(d.Draft.Services) {
		doc, ok := d.InForce(kind)
		if !ok {
			res.Refused = append(res.Refused, fmt.Sprintf("the document %s is missing", kind))
		} else if doc.Freshness(now) == Expired {
			res.Refused = append(res.Refused, fmt.Sprintf("the document %s expired on %s", kind, doc.Expires))
		}
	}
}

// Unpublish takes a partner from the public. Its draft stays.
func (b *Book) Unpublish(ctx context.Context, ref Ref, reason string) (*Dossier, error) {
	if err := checkReason(reason); err != nil {
		return nil, err
	}
	return b.revise(ctx, ref, func(d *Dossier, now time.Time) (Effects, error) {
		if d.Published == nil {
			return Effects{}, nil
		}
		before := d.Published
		d.Published = nil
		if d.Status == Published {
			d.Status = Draft
		}
		d.log(now, Unpublished, actor(ctx), reason)
		return changed("directory.unpublished", d, before, nil, reason, now), nil
	})
}

// Confirm notes that what is published is still right, which makes it fresh.
func (b *Book) Confirm(ctx context.Context, ref Ref) (*Dossier, error) {
	return b.revise(ctx, ref, func(d *Dossier, now time.Time) (Effects, error) {
		if d.Published == nil {
			return Effects{}, ErrStatus
		}
		d.FreshAt = now
		d.log(now, Confirmed, actor(ctx), "")
		return changed("directory.confirmed", d, nil, nil, "", now), nil
	})
}

// Verify notes that somebody made sure of who the partner is, for which it is shown first.
func (b *Book) Verify(ctx context.Context, ref Ref) (*Dossier, error) {
	return b.revise(ctx, ref, func(d *Dossier, now time.Time) (Effects, error) {
		if !d.VerifiedAt.IsZero() {
			return Effects{}, nil
		}
		d.VerifiedAt, d.VerifiedBy = now, actor(ctx)
		d.log(now, Verified, d.VerifiedBy, "")
		return changed("directory.verified", d, nil, nil, "", now), nil
	})
}

// Unverify takes a verification back.
func (b *Book) Unverify(ctx context.Context, ref Ref, reason string) (*Dossier, error) {
	if err := checkReason(reason); err != nil {
		return nil, err
	}
	return b.revise(ctx, ref, func(d *Dossier, now time.Time) (Effects, error) {
		if d.VerifiedAt.IsZero() {
			return Effects{}, nil
		}
		d.VerifiedAt, d.VerifiedBy = time.Time{}, ""
		d.log(now, Unverified, actor(ctx), reason)
		return changed("directory.unverified", d, nil, nil, reason, now), nil
	})
}

// Remove marks a partner as deleted: from then on it is found by nobody, and its papers are told to nobody. It is kept
// until it is erased.
func (b *Book) Remove(ctx context.Context, ref Ref, reason string) error {
	if err := checkReason(reason); err != nil {
		return err
	}
	_, err := b.revise(ctx, ref, func(d *Dossier, now time.Time) (Effects, error) {
		d.DeletedAt = now
		d.log(now, Removed, actor(ctx), reason)
		return changed("directory.removed", d, nil, nil, reason, now), nil
	})
	return err
}

// checkReason refuses what a log cannot show.
func checkReason(reason string) error {
	return prefix(checkText("reason", reason, maxDescription, true))
}

// actor is who acts, as logs name them.
func actor(ctx context.Context) string {
	c, _ := tenon.CallerFrom(ctx)
	return c.Actor
}

// changed is the effect of a change that is worth recording. Values that are nil are left out.
func changed(action string, d *Dossier, before, after any, reason string, now time.Time) Effects {
	c := tenon.Change{Tenant: d.Tenant, Action: action, Target: "partner/" + d.ID, Reason: reason, At: now}
	c.Before, c.After = asJSON(before), asJSON(after)
	return Effects{Changes: []tenon.Change{c}}
}

func asJSON(v any) json.RawMessage {
	b, _ := json.Marshal(v) // our own types always marshal
	if string(b) == "null" {
		return nil
	}
	return b
}
