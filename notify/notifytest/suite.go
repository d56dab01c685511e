package notifytest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/notify"
)

// rule is one promise and how it is tried.
type rule conform.Rule[*rig]

// TestStore checks that the stores that newStore gives keep what [notify.Store] promises, and what [notify.Reviewer]
// promises where they implement it.
func TestStore(t *testing.T, newStore func(t *testing.T) notify.Store) {
	for _, rules := range [][]rule{writeRules, claimRules, settleRules, tallyRules, reviewRules} {
		for _, one := range rules {
			t.Run(one.Name, func(t *testing.T) {
				t.Parallel()
				conform.Rule[*rig](one).Try(t, newRig(t, newStore(t)))
			})
		}
	}
}

// TestNotifier checks what [tenon.Notifier] promises of the notifiers that newNotifier gives. Received returns the keys
// of what arrived where the notifier delivers to, repeats included.
func TestNotifier(t *testing.T, newNotifier func(t *testing.T) (n tenon.Notifier, received func() []string)) {
	for _, one := range []struct {
		name string
		run  func(t *testing.T, n tenon.Notifier, received func() []string)
	}{
		{"what_was_taken_has_arrived", func(t *testing.T, n tenon.Notifier, received func() []string) {
			for _, key := range []string{"first", "second", "third"} {
				if err := n.Notify(t.Context(), Notification("acme", key)); err != nil {
					t.Fatalf("Notify: %v", err)
				}
			}
			for _, key := range []string{"first", "second", "third"} {
				if !slices.Contains(received(), key) {
					t.Fatalf("%q was taken and has not arrived: %q", key, received())
				}
			}
		}},
		{"the_same_news_may_be_told_again", func(t *testing.T, n tenon.Notifier, received func() []string) {
			for range 2 {
				if err := n.Notify(t.Context(), Notification("acme", "again")); err != nil {
					t.Fatalf("Notify: %v", err)
				}
			}
			if !slices.Contains(received(), "again") {
				t.Fatalf("it has not arrived: %q", received())
			}
		}},
		{"several_at_once_are_told_as_one_by_one", func(t *testing.T, n tenon.Notifier, received func() []string) {
			b, ok := n.(tenon.BatchNotifier)
			if !ok {
				return
			}
			var news []tenon.Notification
			for _, key := range []string{"one", "two", "one", "three"} {
				news = append(news, Notification("acme", key))
			}
			for range 2 {
				if err := b.NotifyBatch(t.Context(), news); err != nil {
					t.Fatalf("NotifyBatch: %v", err)
				}
			}
			var first []string // each key where it came first
			for _, key := range received() {
				if !slices.Contains(first, key) {
					first = append(first, key)
				}
			}
			if !slices.Equal(first, []string{"one", "two", "three"}) {
				t.Fatalf("what has arrived: %q", first)
			}
			if err := b.NotifyBatch(t.Context(), nil); err != nil {
				t.Fatalf("NotifyBatch of nothing: %v", err)
			}
		}},
		{"a_caller_who_is_gone_gets_an_error_or_is_served", func(t *testing.T, n tenon.Notifier, received func() []string) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := n.Notify(ctx, Notification("acme", "late")); err == nil && !slices.Contains(received(), "late") {
				t.Fatal("Notify returned nil, and nothing has arrived")
			}
		}},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			n, received := newNotifier(t)
			one.run(t, n, received)
		})
	}
}

// noon is when rules begin.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// Notification returns a notification with everything set.
func Notification(tenant, key string) tenon.Notification {
	return tenon.Notification{
		Key: key, Kind: "test.happened", Tenant: tenant, Severity: tenon.SeverityWarning, Title: "It happened: " + key,
		Text: "Somebody must look.\nÄ “quoted” line.", At: noon, Data: map[string]string{"number": "1", "empty": ""},
	}
}

// rig is a store under test, and a destination and tenant that no other rule uses.
type rig struct {
	t           *testing.T
	store       notify.Store
	destination string
	tenant      string
	now         time.Time
}

func newRig(t *testing.T, store notify.Store) *rig {
	id := tenon.NewID(time.Now())
	return &rig{t: t, store: store, destination: "d-" + id, tenant: "t-" + id, now: noon}
}

func (r *rig) later(d time.Duration) { r.now = r.now.Add(d) }

// entry makes an entry in a group of the rig's tenant.
func (r *rig) entry(group, key string) notify.Entry {
	return notify.Entry{
		ID: tenon.NewID(r.now), Destination: r.destination, Group: group, Notification: Notification(r.tenant, key),
		Since: r.now, State: notify.Pending,
	}
}

func (r *rig) add(entries ...notify.Entry) {
	r.t.Helper()
	if err := r.store.Add(r.t.Context(), entries); err != nil {
		r.t.Fatalf("Add: %v", err)
	}
}

// claimed is what one claim gave.
type claimed struct {
	lease   string
	entries []notify.Entry
}

// claim claims with a lease of a minute.
func (r *rig) claim(limit int) claimed {
	r.t.Helper()
	c := notify.Claim{
		Destination: r.destination, Lease: tenon.NewID(time.Now()), Now: r.now, Until: r.now.Add(time.Minute), Limit: limit,
	}
	entries, err := r.store.Claim(r.t.Context(), c)
	if err != nil {
		r.t.Fatalf("Claim: %v", err)
	}
	return claimed{c.Lease, entries}
}

// keys returns the keys of the entries, sorted.
func (c claimed) keys() []string {
	var keys []string
	for _, e := range c.entries {
		keys = append(keys, e.Notification.Key)
	}
	slices.Sort(keys)
	return keys
}

// gives claims, and fails unless that gives these keys.
func (r *rig) gives(want ...string) claimed {
	r.t.Helper()
	c := r.claim(100)
	if got := c.keys(); !slices.Equal(got, want) {
		r.t.Fatalf("a claim gives %q, want %q", got, want)
	}
	return c
}

// settle settles everything of a claim in one way.
func (r *rig) settle(c claimed, state notify.State, due time.Time) {
	r.t.Helper()
	var results []notify.Result
	for _, e := range c.entries {
		res := notify.Result{Entry: e, Lease: c.lease, State: state, At: r.now, Due: due}
		if state != notify.Delivered {
			res.Error = "away"
		}
		results = append(results, res)
	}
	if err := r.store.Settle(r.t.Context(), results); err != nil {
		r.t.Fatalf("Settle: %v", err)
	}
}

func (r *rig) deliver(c claimed) {
	r.t.Helper()
	r.settle(c, notify.Delivered, time.Time{})
}

// reviewer returns the store as one, and false when it is none.
func (r *rig) reviewer() (notify.Reviewer, bool) {
	v, ok := r.store.(notify.Reviewer)
	return v, ok
}

func (r *rig) list(v notify.Reviewer, q notify.Query) []notify.Entry {
	r.t.Helper()
	list, err := v.List(r.t.Context(), q)
	if err != nil {
		r.t.Fatalf("List: %v", err)
	}
	return list
}

func (r *rig) is(err, want error) {
	r.t.Helper()
	if !errors.Is(err, want) {
		r.t.Fatalf("the error is %v, want %v", err, want)
	}
}
