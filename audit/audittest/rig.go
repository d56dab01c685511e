package audittest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

// rig drives a store.
type rig struct {
	t     *testing.T
	store audit.Store
}

func (r *rig) ctx() context.Context { return r.t.Context() }

// base is when the suite's records happened: last month, of which stores with a partition a month have one too.
func base() time.Time {
	now := time.Now().UTC()
	return time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 123_456_000, time.UTC)
}

// Entry returns an entry of a tenant, n seconds into the last month, with every field filled in.
func Entry(tenant string, n int) audit.Entry {
	at := base().Add(time.Duration(n) * time.Second)
	return audit.Entry{
		Record: audit.Record{
			ID: tenon.NewID(at), Tenant: tenant, At: at, Actor: "ann@acme.test", OnBehalfOf: "bert", Action: "quote.accepted",
			Targets: []audit.Target{{Type: "quote", ID: fmt.Sprintf("q%d", n)}, {Type: "lane", ID: "l7"}}, Outcome: audit.Succeeded,
			Payload: json.RawMessage(`{"before":{"rate":1200},"after":{"rate":1300.50,"notes":["Späti 100%",null,{},[]],"by":"ann@acme.test"}}`),
			IP:      "192.0.2.7", UserAgent: "curl/8", RequestID: "r1", TraceID: "t1",
		},
		Seed: bytes.Repeat([]byte{byte(n), 7}, audit.SeedSize/2),
	}
}

// Entries returns n entries.
func Entries(tenant string, n int) []audit.Entry {
	entries := make([]audit.Entry, n)
	for i := range entries {
		entries[i] = Entry(tenant, i)
	}
	return entries
}

// got returns the first of two results, in a test where the second must be nil.
func got[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (r *rig) check(ok bool, format string, args ...any) {
	r.t.Helper()
	if !ok {
		r.t.Fatalf(format, args...)
	}
}

func (r *rig) refused(err, want error) {
	r.t.Helper()
	r.check(errors.Is(err, want), "got the error %v, want one that is %v", err, want)
}

// add appends entries and checks that they keep their ids.
func (r *rig) add(entries ...audit.Entry) {
	r.t.Helper()
	ids, err := r.store.Append(r.ctx(), entries)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := range entries {
		r.check(ids[i] == entries[i].ID, "the id of entry %d is %s, not %s", i, ids[i], entries[i].ID)
	}
}

// list returns what the store has, with the limit filled in.
func (r *rig) list(q audit.Query) []audit.Entry {
	r.t.Helper()
	if err := q.Check(); err != nil {
		r.t.Fatal(err)
	}
	return got(r.store.List(r.ctx(), q))(r.t)
}

// same says whether two entries are the same: as records, and by their leaves.
func (r *rig) same(got, want audit.Entry) {
	r.t.Helper()
	a, errA := got.Leaf()
	b, errB := want.Leaf()
	r.check(errA == nil && errB == nil && a == b, "entry %s has another leaf than it was stored with: %v, %v", want.ID, errA, errB)
	r.check(got.At.Equal(want.At) && got.At.Location() == time.UTC, "at %v, want %v in UTC", got.At, want.At)
	r.check(bytes.Equal(got.Seed, want.Seed), "another seed")
	r.check(len(got.Targets) == len(want.Targets), "%d targets, want %d", len(got.Targets), len(want.Targets))
}
