package gdpr

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// Hold forbids to delete a subject's data, because the law wants it kept: a lawsuit, an audit of the tax office.
// Art. 17(3). A hold on a company holds its persons, and one on a person holds the company, whose erasure would erase
// the person too. It does not stop a request from being received, and neither does it stop the clock.
type Hold struct {
	Key
	User       string    `json:"user,omitempty"` // the person; empty for the company
	Reason     string    `json:"reason"`
	By         string    `json:"by"`
	PlacedAt   time.Time `json:"placed_at"`
	ReleasedAt time.Time `json:"released_at,omitzero"` // zero: it holds
	ReleasedBy string    `json:"released_by,omitempty"`
}

// covers says whether the hold is in force for an erasure of user, or of the company.
func (h Hold) covers(user string) bool {
	return h.ReleasedAt.IsZero() && (h.User == "" || user == "" || h.User == user)
}

// held returns an [*HeldError] when a hold forbids to erase user, or the company when user is empty.
func (c *Case) held(user string) error {
	holds := slices.DeleteFunc(slices.Clone(c.Holds), func(h Hold) bool { return !h.covers(user) })
	if len(holds) == 0 {
		return nil
	}
	return &HeldError{holds}
}

// Hold places a legal hold. Work that it forbids stops before its next step and goes on when the hold is released; what
// was erased before stays so.
func (d *Desk) Hold(ctx context.Context, s tenon.Subject, reason string) (Hold, error) {
	caller, err := d.may(ctx, ActHold, s)
	if err == nil {
		err = checkText("reason", reason, true)
	}
	if err != nil {
		return Hold{}, err
	}
	now, err := d.now(ctx)
	if err != nil {
		return Hold{}, err
	}
	h := Hold{
		Key: Key{Tenant: s.Tenant, ID: tenon.NewID(now)}, User: s.User, Reason: strings.TrimSpace(reason), By: caller.Actor,
		PlacedAt: now,
	}
	_, err = d.change(ctx, s.Tenant, func(c *Case) (Effects, error) {
		c.Holds = append(c.Holds, h)
		d.scheduleAll(c, now)
		return h.recorded("gdpr.hold_placed", now), nil
	})
	return h, err
}

// Release ends a hold. What it stopped goes on.
func (d *Desk) Release(ctx context.Context, k Key) error {
	caller, err := d.may(ctx, ActHold, tenon.Subject{Tenant: k.Tenant})
	if err != nil {
		return hide(err, ErrUnknownHold)
	}
	now, err := d.now(ctx)
	if err != nil {
		return err
	}
	_, err = d.change(ctx, k.Tenant, func(c *Case) (Effects, error) {
		i := slices.IndexFunc(c.Holds, func(h Hold) bool { return h.ID == k.ID && h.ReleasedAt.IsZero() })
		if i < 0 {
			return Effects{}, ErrUnknownHold
		}
		c.Holds[i].ReleasedAt, c.Holds[i].ReleasedBy = now, caller.Actor
		d.scheduleAll(c, now)
		return c.Holds[i].recorded("gdpr.hold_released", now), nil
	})
	return err
}

// Holds returns a tenant's holds, released ones too, oldest first.
func (d *Desk) Holds(ctx context.Context, tenant string) ([]Hold, error) {
	if _, err := d.may(ctx, ActHold, tenon.Subject{Tenant: tenant}); err != nil {
		return nil, err
	}
	c, err := d.load(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return c.Holds, nil
}

func (h Hold) recorded(action string, now time.Time) Effects {
	return Effects{Changes: []tenon.Change{{
		Tenant: h.Tenant, Action: action, Target: "gdpr_hold/" + h.ID, Reason: h.Reason, At: now,
	}}}
}
