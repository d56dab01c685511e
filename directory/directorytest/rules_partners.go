package directorytest

import (
	"errors"
	"slices"
	"sync"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/conform"
)

var partnerRules = group{"partners", []rule{
	{"keeps_everything_that_is_written", "Load returns what Change stored, to the last field", func(r *rig) {
		p := profile("Müller & Söhne")
		p.Language, p.Zone, p.ShowContact = "de", "Europe/Berlin", true
		d := r.list("acme", p)
		_, err := r.book().Verify(r.ctx(), d.Ref)
		r.must(err)
		r.add(d.Ref, "insurance/cargo", "2028-02-29", "")
		r.add(d.Ref, "insurance/cargo", "2029-12-31", "Pacific/Auckland")
		doc, err := r.book().VerifyDocument(r.ctx(), d.Ref, "insurance/cargo", 2)
		r.must(err)
		stored := r.load(d.Ref)
		want, err := p.Normalize()
		r.must(err)
		conform.Equal(r.t, "draft", stored.Draft, want)
		conform.Equal(r.t, "published", *stored.Published, want)
		conform.Equal(r.t, "documents", len(stored.Documents), 2)
		conform.Equal(r.t, "newest", stored.Documents[0], doc)
		conform.Equal(r.t, "verified by", stored.VerifiedBy, "ann")
		var steps []string
		for _, s := range stored.Log {
			steps = append(steps, s.What)
		}
		conform.Equal(r.t, "log", steps, []string{"created", "submitted", "published", "verified"})
		again, err := r.book().Partner(r.ctx(), d.Ref)
		r.must(err)
		conform.Equal(r.t, "another look", again, stored)
		page, err := r.book().Public(r.ctx(), d.ID)
		r.must(err)
		conform.Equal(r.t, "contact, which is shown", page.Contact+" "+page.Website, p.Contact+" "+p.Website)
	}},
	{"another_tenants_partner_is_not_there", "a partner is found by its tenant and id together", func(r *rig) {
		d := r.create("acme", profile("One"))
		for _, ref := range []directory.Ref{
			{Tenant: "other", ID: d.ID},
			{Tenant: "acme", ID: tenon.NewID(noon)},
			{Tenant: "acme", ID: "1"},
			{ID: d.ID},
			{},
			{Tenant: "a\x00b", ID: d.ID},
			{Tenant: "\xff", ID: d.ID},
		} {
			_, err := r.book().Partner(r.ctx(), ref)
			r.fails("load", err, directory.ErrUnknownPartner)
			_, err = r.book().Save(r.ctx(), ref, 1, profile("Two"))
			r.fails("save", err, directory.ErrUnknownPartner)
			_, err = r.book().AddDocument(r.ctx(), ref, directory.Document{Kind: "licence"})
			r.fails("add", err, directory.ErrUnknownPartner)
			r.fails("remove", r.book().Remove(r.ctx(), ref, ""), directory.ErrUnknownPartner)
		}
		conform.Equal(r.t, "name", r.load(d.Ref).Draft.Name, "One")
	}},
	{"saves_the_version_that_was_read", "a draft that somebody saved meanwhile is not overwritten", func(r *rig) {
		d := r.create("acme", profile("One"))
		d2, err := r.book().Save(r.ctx(), d.Ref, 1, profile("Two"))
		r.must(err)
		conform.Equal(r.t, "version", d2.Version, 2)
		_, err = r.book().Save(r.ctx(), d.Ref, 1, profile("Three"))
		r.fails("save", err, directory.ErrVersion)
		_, err = r.book().Submit(r.ctx(), d.Ref, 1)
		r.fails("submit", err, directory.ErrVersion)
		_, err = r.book().Publish(r.ctx(), d.Ref, 2)
		r.fails("publish what was not submitted", err, directory.ErrStatus)
		conform.Equal(r.t, "stored", r.load(d.Ref).Draft.Name, "Two")
	}},
	{"an_edit_that_fails_writes_nothing", "an error of edit is returned and undoes everything", func(r *rig) {
		d := r.create("acme", profile("One"))
		before := r.load(d.Ref)
		broken := errors.New("broken")
		_, err := r.store.Change(r.ctx(), d.Ref, func(d *directory.Dossier) (directory.Effects, error) {
			d.Draft.Name = "Two"
			return directory.Effects{}, broken
		})
		r.fails("change", err, broken)
		conform.Equal(r.t, "stored", r.load(d.Ref), before)
		_, err = r.store.Change(r.ctx(), directory.Ref{Tenant: "acme", ID: tenon.NewID(noon)}, func(d *directory.Dossier) (directory.Effects, error) {
			conform.Equal(r.t, "version of what is not there", d.Version, 0)
			return directory.Effects{}, nil
		})
		r.must(err)
		all, err := r.store.List(r.ctx(), directory.ListQuery{Limit: 10})
		r.must(err)
		conform.Equal(r.t, "partners", len(all), 1)
	}},
	{"the_plans_limit_holds_under_a_race", "of many that publish at once, no more are listed than the plan allows", func(r *rig) {
		r.opts.Limits = limit(3)
		var drafts []*directory.Dossier
		for range 8 {
			d, err := r.book().Submit(r.ctx(), r.create("acme", profile("One")).Ref, 1)
			r.must(err)
			drafts = append(drafts, d)
		}
		r.list("other", profile("Of another tenant"))
		book := r.book()
		var mu sync.Mutex
		var wg sync.WaitGroup
		refused := 0
		for _, d := range drafts {
			wg.Go(func() {
				p, err := book.Publish(r.ctx(), d.Ref, 1)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					r.t.Error(err)
				} else if len(p.Refused) > 0 {
					refused++
				}
			})
		}
		wg.Wait()
		conform.Equal(r.t, "refused", refused, 5)
		conform.Equal(r.t, "listed", r.load(drafts[0].Ref).TenantListed, 3)
		conform.Equal(r.t, "found", len(r.search(directory.Search{}).Results), 4)
		for _, d := range drafts {
			if r.load(d.Ref).Listed() {
				_, err := r.book().Unpublish(r.ctx(), d.Ref, "makes room")
				r.must(err)
				break
			}
		}
		for _, d := range drafts {
			if now := r.load(d.Ref); now.Status == directory.Submitted {
				r.publish(now)
				break
			}
		}
	}},
	{"lists_page_by_page", "pages of a list neither leave out nor repeat, in the order of ids", func(r *rig) {
		var want []string
		for i := range 7 {
			d := r.create("acme", profile("One"))
			if i%2 == 0 {
				_, err := r.book().Submit(r.ctx(), d.Ref, 1)
				r.must(err)
				want = append(want, d.ID)
			}
			r.create("other", profile("Two"))
		}
		removed := r.create("acme", profile("Gone"))
		r.must(r.book().Remove(r.ctx(), removed.Ref, ""))
		var got []string
		for q := (directory.ListQuery{Tenant: "acme", Status: directory.Submitted, Limit: 2}); ; {
			page, err := r.book().List(r.ctx(), q)
			r.must(err)
			for _, d := range page {
				got = append(got, d.ID)
				q.After = d.ID
			}
			if len(page) < 2 {
				break
			}
		}
		conform.Equal(r.t, "ids", got, want)
		slices.Sort(want)
		conform.Equal(r.t, "order", got, want)
		all, err := r.book().List(r.ctx(), directory.ListQuery{})
		r.must(err)
		conform.Equal(r.t, "of all tenants", len(all), 14)
	}},
}}
