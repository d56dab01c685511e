package directory

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// Invitation is what a company is sent that is asked to list itself.
type Invitation struct {
	*Dossier
	// Token lets whoever has it accept; it fits into an address. It is not kept, and says nothing to those who cannot
	// sign one.
	Token   string
	Expires time.Time
}

// letter is what a token holds.
type letter struct {
	Ref
	Until time.Time `json:"until"`
}

// Invite lists a new partner as a draft and makes an invitation for it, which the host sends to the profile's Contact.
func (b *Book) Invite(ctx context.Context, tenant string, p Profile) (*Invitation, error) {
	if strings.TrimSpace(p.Contact) == "" {
		return nil, prefix(tenon.Invalid("contact_email", "is empty, and nobody can be invited"))
	}
	d, err := b.create(ctx, tenant, p, func(d *Dossier, now time.Time, by string) Effects {
		d.log(now, Invited, by, "")
		return changed("directory.invited", d, nil, d.Draft, "", now)
	})
	if err != nil {
		return nil, err
	}
	return b.invitation(d, d.CreatedAt), nil
}

// InviteAgain makes another invitation for a partner that has not onboarded.
func (b *Book) InviteAgain(ctx context.Context, ref Ref) (*Invitation, error) {
	var at time.Time
	d, err := b.revise(ctx, ref, func(d *Dossier, now time.Time) (Effects, error) {
		if d.has(Onboarded) || d.Draft.Contact == "" {
			return Effects{}, ErrStatus
		}
		at = now
		d.log(now, Invited, actor(ctx), "")
		return changed("directory.invited", d, nil, nil, "", now), nil
	})
	if err != nil {
		return nil, err
	}
	return b.invitation(d, at), nil
}

func (b *Book) invitation(d *Dossier, at time.Time) *Invitation {
	until := at.Add(b.options.InvitationTTL)
	message, _ := json.Marshal(letter{d.Ref, until}) // text and a time
	return &Invitation{Dossier: d, Token: sealer(b.options.Key).seal("invitation", message), Expires: until}
}

// Accept onboards the partner whose invitation the token is. Accepting twice is not an error. A token that was not made
// by this directory, or is too old, is an [ErrInvitation].
func (b *Book) Accept(ctx context.Context, token string) (*Dossier, error) {
	return b.answer(ctx, token, Onboarded, "directory.onboarded")
}

// Decline notes that the company does not want to be listed. One that has onboarded stays onboarded.
func (b *Book) Decline(ctx context.Context, token string) (*Dossier, error) {
	return b.answer(ctx, token, Declined, "directory.declined")
}

func (b *Book) answer(ctx context.Context, token, what, action string) (*Dossier, error) {
	var l letter
	message, ok := sealer(b.options.Key).open("invitation", token)
	if !ok || json.Unmarshal(message, &l) != nil {
		return nil, ErrInvitation
	}
	return b.revise(ctx, l.Ref, func(d *Dossier, now time.Time) (Effects, error) {
		if !now.Before(l.Until) {
			return Effects{}, ErrInvitation
		}
		if d.has(Onboarded) || d.has(what) {
			return Effects{}, nil
		}
		d.log(now, what, actor(ctx), "")
		return changed(action, d, nil, nil, "", now), nil
	})
}
