package flagstest

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

// noon is when rules begin.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 123456000, time.UTC)

// rig is a store and keys that nobody else uses.
type rig struct {
	t     *testing.T
	store flags.Store
	space string
}

func newRig(t *testing.T, store flags.Store) *rig {
	t.Helper()
	id := tenon.NewID(time.Now())
	return &rig{t, store, "k" + strings.ReplaceAll(id, "-", "")}
}

func (r *rig) ctx() context.Context { return r.t.Context() }

// set returns a Set over the store, which a busy machine does not hurry.
func (r *rig) set() *flags.Set {
	return flags.NewSet(r.store, &flags.Options{Timeout: time.Minute})
}

// key returns a key of the rule's own; keys sort as their names do.
func (r *rig) key(name string) string { return r.space + "." + name }

// record returns a version of a flag.
func (r *rig) record(name string, version int64, body string) flags.Record {
	rec := flags.Record{
		Kind: flags.KindFlag, Key: r.key(name), Version: version, By: "ada", Reason: "because", At: noon.Add(time.Duration(version) * time.Hour),
	}
	if body != "" {
		rec.Body = json.RawMessage(body)
	}
	return rec
}

// write stores records from the present revision, again where another writer got in between.
func (r *rig) write(records ...flags.Record) int64 {
	r.t.Helper()
	revision, err := r.tryWrite(flags.Write{Records: records})
	if err != nil {
		r.t.Fatalf("Write: %v", err)
	}
	return revision
}

// tryWrite sets the base to what is stored, until nobody gets in between.
func (r *rig) tryWrite(w flags.Write) (int64, error) {
	for {
		u, err := r.store.Load(r.ctx(), 1<<62)
		if err != nil {
			return 0, err
		}
		w.Base = u.Revision
		revision, err := r.store.Write(r.ctx(), w)
		if !errors.Is(err, flags.ErrBehind) {
			return revision, err
		}
	}
}

// load returns the rule's own records that are newer than since, and the revision.
func (r *rig) load(since int64) ([]flags.Record, int64) {
	r.t.Helper()
	u, err := r.store.Load(r.ctx(), since)
	if err != nil {
		r.t.Fatalf("Load: %v", err)
	}
	return r.own(u.Records), u.Revision
}

func (r *rig) own(records []flags.Record) []flags.Record {
	return slices.DeleteFunc(slices.Clone(records), func(rec flags.Record) bool { return !strings.HasPrefix(rec.Key, r.space) })
}

// same fails unless got is want, up to white space and the order of keys in the body; a revision of 0 is any.
func (r *rig) same(got, want flags.Record) {
	r.t.Helper()
	if want.Revision == 0 {
		want.Revision = got.Revision
	}
	if !got.At.Equal(want.At) || got.At.Location() != time.UTC {
		r.t.Fatalf("the record is of %v, want %v", got.At, want.At)
	}
	if !sameJSON(got.Body, want.Body) {
		r.t.Fatalf("the body is %s, want %s", got.Body, want.Body)
	}
	got.Body, want.Body, got.At, want.At = nil, nil, time.Time{}, time.Time{}
	if !reflect.DeepEqual(got, want) {
		r.t.Fatalf("the record is %+v, want %+v", got, want)
	}
}

func sameJSON(a, b json.RawMessage) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	var va, vb any
	return json.Unmarshal(a, &va) == nil && json.Unmarshal(b, &vb) == nil && reflect.DeepEqual(va, vb)
}

// equal fails unless got is want; what names it.
func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s is %v, want %v", what, got, want)
	}
}

// is fails unless err is of the class.
func is(t *testing.T, what string, err, class error) {
	t.Helper()
	if !errors.Is(err, class) {
		t.Fatalf("the error of %s is %v, want %v", what, err, class)
	}
}

// versions returns which versions there are of a key of the rule's own.
func (r *rig) versions(name string, before int64, limit int) []int64 {
	r.t.Helper()
	found, err := r.store.Versions(r.ctx(), flags.VersionQuery{Kind: flags.KindFlag, Key: r.key(name), Before: before, Limit: limit})
	if err != nil {
		r.t.Fatalf("Versions: %v", err)
	}
	var numbers []int64
	for _, rec := range found {
		numbers = append(numbers, rec.Version)
	}
	return numbers
}

// list fails unless got is want, in order.
func list[T any](t *testing.T, what string, got, want []T) {
	t.Helper()
	if len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
		t.Fatalf("%s are %v, want %v", what, got, want)
	}
}

// together calls f n times at once.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
