package gdprtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/conform"
)

// noon is when rules begin.
var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// rig drives a store at times that it chooses.
type rig struct {
	t     *testing.T
	store gdpr.Store
	heard *ears // nil where nothing is told
	now   time.Time
	host  *host
	opts  gdpr.Options
}

func newRig(t *testing.T, store gdpr.Store, heard *ears) *rig {
	t.Helper()
	h := newHost()
	return &rig{t: t, store: store, heard: heard, now: noon, host: h, opts: gdpr.Options{
		Timeout: time.Minute, Grace: 10 * day, Lease: time.Hour, Packer: h, Files: h, Links: []gdpr.Secret{gdpr.NewSecret("a key")},
	}}
}

const day = 24 * time.Hour

// as returns a context in which somebody of a company acts; of none, the staff.
func (r *rig) as(tenant, actor string) context.Context {
	return tenon.WithCaller(r.t.Context(), tenon.Caller{Tenant: tenant, Actor: actor})
}

func (r *rig) staff() context.Context { return r.as("", "dpo") }

// clocked gives a store the rig's time.
type clocked struct {
	gdpr.Store
	now time.Time
}

// Clock implements [tenon.Clock].
func (c clocked) Clock(context.Context) (time.Time, error) { return c.now, nil }

// errForbidden is the host's own, without a class.
var errForbidden = errors.New("only owners ask")

// may lets the staff do everything, and companies' owners ask, read, withdraw and download.
func may(_ context.Context, a gdpr.Asked) error {
	owners := a.Act == gdpr.ActAsk || a.Act == gdpr.ActRead || a.Act == gdpr.ActWithdraw || a.Act == gdpr.ActDownload
	if a.Tenant == "" || owners && a.Actor == "owner" || owners && a.Subject.User != "" && a.Subject.User == a.Actor {
		return nil
	}
	return errForbidden
}

// desk returns a desk of the rig's present time, as another process would have it.
func (r *rig) desk() *gdpr.Desk {
	opts := r.opts
	return gdpr.NewDesk(clocked{r.store, r.now}, r.host, may, &opts)
}

// later moves the time on.
func (r *rig) later(d time.Duration) { r.now = r.now.Add(d) }

// round lets another process work, and returns what failed.
func (r *rig) round() error { return r.desk().Round(r.t.Context()) }

// ask hands in a request of a company's owner.
func (r *rig) ask(kind gdpr.Kind, s tenon.Subject) gdpr.Request {
	r.t.Helper()
	q, err := r.desk().Ask(r.as(s.Tenant, "owner"), gdpr.Order{Kind: kind, Subject: s, Reason: "we leave"})
	r.must(err)
	return q
}

// verified hands in a request and verifies it.
func (r *rig) verified(kind gdpr.Kind, s tenon.Subject) gdpr.Request {
	r.t.Helper()
	q, err := r.desk().Verify(r.staff(), r.ask(kind, s).Key, "called back")
	r.must(err)
	return q
}

// get returns a request as it is now.
func (r *rig) get(k gdpr.Key) gdpr.Request {
	r.t.Helper()
	q, err := r.desk().Request(r.staff(), k)
	r.must(err)
	return q
}

// stands fails unless the request is in that state.
func (r *rig) stands(k gdpr.Key, want gdpr.State) gdpr.Request {
	r.t.Helper()
	q := r.get(k)
	if q.State != want {
		r.t.Fatalf("request %s is %s, want %s: %+v", k.ID, q.State, want, q.Steps)
	}
	return q
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

// refuses fails unless err says that the input is wrong, and where.
func (r *rig) refuses(field string, err error) {
	r.t.Helper()
	r.fails(field, err, tenon.ErrInvalid)
	var wrong *tenon.FieldError
	if !errors.As(err, &wrong) || wrong.Field != field {
		r.t.Fatalf("error %v does not name %s", err, field)
	}
}

// ears hear what a store tells.
type ears struct{ conform.Ears }

// kinds returns what was told since it was asked last.
func (e *ears) kinds() []string {
	kinds := []string{}
	for _, n := range e.Told() {
		kinds = append(kinds, n.Kind)
	}
	return kinds
}

// actions returns what was recorded since it was asked last.
func (e *ears) actions() []string {
	actions := []string{}
	for _, c := range e.Changes() {
		actions = append(actions, c.Action)
	}
	return actions
}
