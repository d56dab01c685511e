package directorytest

import (
	"strings"
	"time"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/conform"
)

var invitationRules = group{"invitations", []rule{
	{"who_was_invited_stays_invited", "onboarding adds to the log and takes nothing away", func(r *rig) {
		in, err := r.book().Invite(r.ctx(), "acme", profile("One"))
		r.must(err)
		for range 2 {
			_, err = r.book().Accept(r.ctx(), in.Token)
			r.must(err)
		}
		_, err = r.book().Decline(r.ctx(), in.Token)
		r.must(err)
		log := r.load(in.Ref).Log
		conform.Equal(r.t, "steps", len(log), 2)
		conform.Equal(r.t, "steps", log[0].What+" "+log[1].What, "invited onboarded")
		_, err = r.book().InviteAgain(r.ctx(), in.Ref)
		r.fails("invite who is there", err, directory.ErrStatus)
		flip := "A"
		if strings.HasPrefix(in.Token, "A") {
			flip = "B"
		}
		for _, token := range []string{"", "x", flip + in.Token[1:], in.Token + "A", strings.Repeat("A", 5000)} {
			_, err = r.book().Accept(r.ctx(), token)
			r.fails("accept", err, directory.ErrInvitation)
		}
		late, err := r.book().Invite(r.ctx(), "acme", profile("Late"))
		r.must(err)
		r.later(31 * 24 * time.Hour)
		_, err = r.book().Accept(r.ctx(), late.Token)
		r.fails("accept late", err, directory.ErrInvitation)
	}},
	{"an_invitation_is_made_again", "each of several letters serves until it is too old", func(r *rig) {
		first, err := r.book().Invite(r.ctx(), "acme", profile("One"))
		r.must(err)
		r.later(20 * 24 * time.Hour)
		second, err := r.book().InviteAgain(r.ctx(), first.Ref)
		r.must(err)
		conform.Equal(r.t, "the end of the second", second.Expires, r.now.Add(30*24*time.Hour))
		_, err = r.book().Decline(r.ctx(), first.Token)
		r.must(err)
		r.later(20 * 24 * time.Hour)
		_, err = r.book().Accept(r.ctx(), first.Token)
		r.fails("accept by the first", err, directory.ErrInvitation)
		d, err := r.book().Accept(r.ctx(), second.Token)
		r.must(err)
		var steps []string
		for _, s := range d.Log {
			steps = append(steps, s.What)
		}
		conform.Equal(r.t, "log", steps, []string{"invited", "invited", "declined", "onboarded"})
	}},
	{"nobody_is_invited_without_an_address", "there is nowhere to send it, and nothing is kept", func(r *rig) {
		p := profile("One")
		for _, p.Contact = range []string{"", " \t"} {
			_, err := r.book().Invite(r.ctx(), "acme", p)
			r.refuses("contact_email", err)
		}
		all, err := r.store.List(r.ctx(), directory.ListQuery{Limit: 10})
		r.must(err)
		conform.Equal(r.t, "partners", len(all), 0)
		d := r.create("acme", p)
		_, err = r.book().InviteAgain(r.ctx(), d.Ref)
		r.fails("invite", err, directory.ErrStatus)
		conform.Equal(r.t, "steps", len(r.load(d.Ref).Log), 1)
	}},
}}
