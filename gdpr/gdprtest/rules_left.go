package gdprtest

import (
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/conform"
)

var leftRules = group{"left", []rule{
	{"an_erasure_leaves_no_export_behind", "an export that was on its way is waited for, its file removed though nobody knows of it, and none is begun", func(r *rig) {
		q := r.verified(gdpr.KindErasure, acme)
		r.later(10*day - 30*time.Second)
		export := r.verified(gdpr.KindExport, acme)
		conform.Equal(r.t, "claimed", r.claim("dead", r.now, 1), []string{export.ID})
		other := r.verified(gdpr.KindExport, zenith)
		r.must(r.host.Put(r.t.Context(), export.Key, strings.NewReader("all about acme")))
		r.later(30 * time.Second)
		r.fails("round", r.round(), tenon.ErrConflict)
		r.stands(q.Key, gdpr.StateErasing)
		r.later(time.Minute) // the lease is over
		r.must(r.round())
		for _, done := range r.load("erased/" + q.ID).Requests {
			conform.Equal(r.t, "closed", done.State.Closed(), true)
		}
		r.stands(other.Key, gdpr.StateCompleted)
		conform.Equal(r.t, "files", r.host.kept(), 1)
	}},
}}
