package directorytest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
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
	equal(r.t, "refusals", p.Refused, nil)
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
	equal(r.t, "found by "+s.Text, names(r.search(s)), append([]string{}, want...))
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

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: %+v, want %+v", what, got, want)
	}
}

var errEars = errors.New("the ears are shut")

// ears hear what a store tells.
type ears struct {
	mu      sync.Mutex
	shut    bool
	told    []tenon.Notification
	changes []tenon.Change
}

// Notify implements [tenon.Notifier].
func (e *ears) Notify(_ context.Context, n tenon.Notification) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.shut {
		return errEars
	}
	e.told = append(e.told, n)
	return nil
}

// RecordChange implements [tenon.Recorder].
func (e *ears) RecordChange(_ context.Context, c tenon.Change) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.shut {
		return errEars
	}
	e.changes = append(e.changes, c)
	return nil
}

func (e *ears) shutUp(shut bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.shut = shut
}

// take returns what was told since it was asked last: company, kind of document, version, threshold and status.
func (e *ears) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	news := []string{}
	for _, n := range e.told {
		d := n.Data
		words := []string{n.Tenant, d["company_name"], d["document"], d["version"], d["threshold"], d["status"], d["count"]}
		news = append(news, strings.Join(strings.Fields(strings.Join(words, " ")), " "))
	}
	e.told = nil
	slices.Sort(news)
	return news
}

// actions returns what was recorded since it was asked last.
func (e *ears) actions() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	actions := []string{}
	for _, c := range e.changes {
		actions = append(actions, c.Action)
	}
	e.changes = nil
	return actions
}

// hears fails unless this is all that was told since it was asked last, in any order.
func (r *rig) hears(want ...string) {
	r.t.Helper()
	slices.Sort(want)
	equal(r.t, "what was told", r.heard.take(), append([]string{}, want...))
}
