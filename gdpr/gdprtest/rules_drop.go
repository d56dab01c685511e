package gdprtest

import (
	"context"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/conform"
)

// afterwards does something when a case has been loaded.
type afterwards struct {
	gdpr.Store
	do func()
}

// Load implements [gdpr.Store].
func (a afterwards) Load(ctx context.Context, tenant string) (*gdpr.Case, error) {
	c, err := a.Store.Load(ctx, tenant)
	a.do()
	return c, err
}

// dropRules are about requests that are not carried out.
var dropRules = group{"drop", []rule{
	{"what_nobody_began_is_closed_at_once", "a request that nobody worked on is withdrawn at once, and nothing is touched", func(r *rig) {
		_, err := r.desk().Hold(r.staff(), acme, "a lawsuit")
		r.must(err)
		received, held := r.ask(gdpr.KindErasure, zenith), r.ask(gdpr.KindErasure, acme)
		_, err = r.desk().Verify(r.staff(), held.Key, "called back")
		r.fails("verify", err, gdpr.ErrHeld)
		export := r.verified(gdpr.KindExport, acme)
		for _, q := range []gdpr.Request{received, held, export} {
			q, err := r.desk().Withdraw(r.as(q.Tenant, "owner"), q.Key, " we stay ")
			r.must(err)
			conform.Equal(r.t, "state and answer", string(q.State)+" "+q.Answer, "withdrawn we stay")
			conform.Equal(r.t, "closed", q.ClosedAt, r.now)
			_, err = r.desk().Withdraw(r.as(q.Tenant, "owner"), q.Key, "")
			r.fails("again", err, gdpr.ErrState)
		}
		r.later(40 * day)
		r.must(r.round())
		for _, what := range []string{"mark", "restore", "erase", "pack", "put", "remove"} {
			conform.Equal(r.t, what, r.host.called(what), 0)
		}
	}},
	{"what_may_be_marked_is_restored", "of a caller who gave up while rows were marked nobody knows whether they are", func(r *rig) {
		q := r.ask(gdpr.KindErasure, acme)
		ctx, cancel := context.WithCancel(r.staff())
		defer cancel()
		r.host.during = cancel
		_, err := r.desk().Verify(ctx, q.Key, "called back")
		r.fails("verify", err, context.Canceled)
		r.host.during = nil
		r.stands(q.Key, gdpr.StateVerified)
		conform.Equal(r.t, "rows", r.host.of(q.Key), "marked")
		_, err = r.desk().Refuse(r.staff(), q.Key, "the tax office needs it")
		r.fails("refuse", err, gdpr.ErrState)
		q, err = r.desk().Withdraw(r.as("acme", "owner"), q.Key, "we stay")
		r.must(err)
		conform.Equal(r.t, "state", q.State, gdpr.StateWithdrawn)
		conform.Equal(r.t, "rows", r.host.of(q.Key), "restored")
	}},
	{"an_export_that_is_dropped_leaves_no_file", "what is made of a dropped export is removed when its maker must have ended", func(r *rig) {
		drop := map[string]func(q gdpr.Request) (gdpr.Request, error){
			"acme":   func(q gdpr.Request) (gdpr.Request, error) { return r.desk().Withdraw(r.staff(), q.Key, "") },
			"zenith": func(q gdpr.Request) (gdpr.Request, error) { return r.desk().Refuse(r.staff(), q.Key, "not you") },
		}
		for tenant, end := range drop {
			q := r.verified(gdpr.KindExport, tenon.Subject{Tenant: tenant})
			conform.Equal(r.t, "claimed", r.claim("maker", r.now, 1), []string{q.ID})
			q, err := end(q)
			r.must(err)
			r.must(r.host.Put(r.t.Context(), q.Key, strings.NewReader("all about it")))
			_, err = r.desk().Open(r.staff(), q.Key)
			r.fails("open", err, gdpr.ErrUnknownFile)
			r.must(r.round())
			conform.Equal(r.t, "files while it may be made", r.host.kept(), 1)
			r.later(time.Minute)
			r.must(r.round())
			conform.Equal(r.t, "files", r.host.kept(), 0)
		}
		r.later(day)
		r.must(r.round())
		conform.Equal(r.t, "removed once each", r.host.called("remove"), 2)
	}},
}}
