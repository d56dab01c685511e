package directorytest

import (
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/conform"
)

var draftRules = group{"drafts", []rule{
	{"refuses_what_the_state_does_not_allow", "what status or version do not allow writes nothing", func(r *rig) {
		d := r.create("acme", profile("One"))
		before := r.load(d.Ref)
		_, err := r.book().Reject(r.ctx(), d.Ref, "who are you?")
		r.fails("reject what was not submitted", err, directory.ErrStatus)
		_, err = r.book().Confirm(r.ctx(), d.Ref)
		r.fails("confirm what is not published", err, directory.ErrStatus)
		_, err = r.book().Unpublish(r.ctx(), d.Ref, "there is nothing to hide")
		r.must(err)
		conform.Equal(r.t, "the draft", r.load(d.Ref), before)
		_, err = r.book().Submit(r.ctx(), d.Ref, 1)
		r.must(err)
		before = r.load(d.Ref)
		for _, version := range []int{0, 2} {
			_, err = r.book().Publish(r.ctx(), d.Ref, version)
			r.fails("publish another version", err, directory.ErrVersion)
		}
		conform.Equal(r.t, "what is submitted", r.load(d.Ref), before)
		before = r.publish(d)
		_, err = r.book().Reject(r.ctx(), d.Ref, "too late")
		r.fails("reject what is published", err, directory.ErrStatus)
		conform.Equal(r.t, "what is published", r.load(d.Ref), before)
	}},
	{"who_verified_first_did", "verifying again changes nothing", func(r *rig) {
		ben := tenon.WithCaller(r.t.Context(), tenon.Caller{Actor: "ben"})
		d := r.list("acme", profile("One"))
		r.add(d.Ref, "licence", "2027-01-01", "")
		doc, err := r.book().VerifyDocument(r.ctx(), d.Ref, "licence", 1)
		r.must(err)
		_, err = r.book().Verify(r.ctx(), d.Ref)
		r.must(err)
		before := r.load(d.Ref)
		conform.Equal(r.t, "who verified", before.VerifiedBy+" "+doc.VerifiedBy, "ann ann")
		r.later(time.Hour)
		_, err = r.book().Verify(ben, d.Ref)
		r.must(err)
		again, err := r.book().VerifyDocument(ben, d.Ref, "licence", 1)
		r.must(err)
		conform.Equal(r.t, "the document", again, doc)
		conform.Equal(r.t, "stored", r.load(d.Ref), before)
	}},
}}
