package directorytest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/conform"
)

// noon is when rules begin.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// rig drives a store at times that it chooses.
type rig struct {
	t     *testing.T
	store directory.Store
	heard *ears // nil where nothing is told
	now   time.Time
	opts  directory.Options
}

func newRig(t *testing.T, store directory.Store, heard *ears) *rig {
	t.Helper()
	opts := directory.Options{Timeout: time.Minute, Key: tenon.NewSecret("a key of the suite's")}
	return &rig{t: t, store: store, heard: heard, now: noon, opts: opts}
}

func (r *rig) ctx() context.Context {
	return tenon.WithCaller(r.t.Context(), tenon.Caller{Actor: "ann"})
}

// clocked gives a store the rig's time.
type clocked struct {
	directory.Store
	now time.Time
}

func (c clocked) Clock(context.Context) (time.Time, error) { return c.now, nil }

// Digest passes on what the store may do beside.
func (c clocked) Digest(
	ctx context.Context, now time.Time, day directory.Date, tell func(directory.Digest) directory.Effects,
) (directory.Digest, bool, error) {
	return c.Store.(directory.Digester).Digest(ctx, now, day, tell)
}

// book returns a book of the rig's present time, as another process would have it.
func (r *rig) book() *directory.Book {
	opts := r.opts
	return directory.NewBook(clocked{r.store, r.now}, &opts)
}

// later moves the time on.
func (r *rig) later(d time.Duration) { r.now = r.now.Add(d) }

// profile is of a public partner.
func profile(name string) directory.Profile {
	return directory.Profile{
		Name: name, Description: "Moves goods over land.", Services: []string{"ltl"}, Regions: []string{"us-ca"},
		Contact: "desk@hidden.example", Website: "https://hidden.example/", Public: true,
	}
}

func (r *rig) create(tenant string, p directory.Profile) *directory.Dossier {
	r.t.Helper()
	r.later(time.Second)
	d, err := r.book().Create(r.ctx(), tenant, p)
	r.must(err)
	return d
}

// publish makes a draft what the public sees.
func (r *rig) publish(d *directory.Dossier) *directory.Dossier {
	r.t.Helper()
	if d.Status == directory.Draft {
		var err error
		d, err = r.book().Submit(r.ctx(), d.Ref, d.Version)
		r.must(err)
	}
	p, err := r.book().Publish(r.ctx(), d.Ref, d.Version)
	r.must(err)
	conform.Equal(r.t, "refusals", p.Refused, nil)
	return p.Dossier
}

// list creates and publishes.
func (r *rig) list(tenant string, p directory.Profile) *directory.Dossier {
	r.t.Helper()
	return r.publish(r.create(tenant, p))
}

func (r *rig) search(s directory.Search) *directory.Page {
	r.t.Helper()
	page, err := r.book().Search(r.ctx(), s)
	r.must(err)
	return page
}

// names returns the names of results.
func names(page *directory.Page) []string {
	all := []string{}
	for _, one := range page.Results {
		all = append(all, one.Name)
	}
	return all
}

// finds fails unless these, in this order, are all that a search finds.
func (r *rig) finds(s directory.Search, want ...string) {
	r.t.Helper()
	conform.Equal(r.t, "found by "+s.Text, names(r.search(s)), append([]string{}, want...))
}

// load returns the dossier as it is stored.
func (r *rig) load(ref directory.Ref) *directory.Dossier {
	r.t.Helper()
	d, err := r.store.Load(r.ctx(), ref)
	r.must(err)
	return d
}

// add adds a document that expires on a day.
func (r *rig) add(ref directory.Ref, kind, expires, zone string) directory.Document {
	r.t.Helper()
	day, err := directory.ParseDate(expires)
	r.must(err)
	doc, err := r.book().AddDocument(r.ctx(), ref, directory.Document{Kind: kind, Number: "N-1", Expires: day, Zone: zone})
	r.must(err)
	return doc
}

func (r *rig) settle() int {
	r.t.Helper()
	n, err := r.book().Settle(r.ctx())
	r.must(err)
	return n
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// fails fails unless err is of the class.
func (r *rig) fails(what string, err, class error) {
	r.t.Helper()
	if !errors.Is(err, class) {
		r.t.Fatalf("%s: error %v, want %v", what, err, class)
	}
}

// refuses fails unless err says that the field is at fault.
func (r *rig) refuses(field string, err error) {
	r.t.Helper()
	var at *tenon.FieldError
	if !errors.As(err, &at) || at.Field != field {
		r.t.Fatalf("error %v, want one of the field %s", err, field)
	}
}

// ears hear what a store tells.
type ears struct{ conform.Ears }

// take returns what was told since it was asked last: company, kind of document, version, threshold and status.
func (e *ears) take() []string {
	news := []string{}
	for _, n := range e.Told() {
		d := n.Data
		words := []string{n.Tenant, d["company_name"], d["document"], d["version"], d["threshold"], d["status"], d["count"]}
		news = append(news, strings.Join(strings.Fields(strings.Join(words, " ")), " "))
	}
	slices.Sort(news)
	return news
}

// actions returns what was recorded since it was asked last.
func (e *ears) actions() []string {
	actions := []string{}
	for _, c := range e.Changes() {
		actions = append(actions, c.Action)
	}
	return actions
}

// hears fails unless this is all that was told since it was asked last, in any order.
func (r *rig) hears(want ...string) {
	r.t.Helper()
	slices.Sort(want)
	conform.Equal(r.t, "what was told", r.heard.take(), append([]string{}, want...))
}
