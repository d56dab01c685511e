package flagsopenfeature_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"sync"
	"testing"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagsopenfeature"
)

// rig is OpenFeature's API with a provider of its own.
type rig struct {
	store    *faultyStore
	set      *flags.Set
	provider *flagsopenfeature.Provider
	api      *of.EvaluationAPI
	client   *of.Client
}

// faultyStore is a memory store that may be away.
type faultyStore struct {
	*flags.MemoryStore
	mu   sync.Mutex
	away error
}

func (s *faultyStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = err
}

func (s *faultyStore) Load(ctx context.Context, since int64) (flags.Update, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != nil {
		return flags.Update{}, s.away
	}
	return s.MemoryStore.Load(ctx, since)
}

// newRig makes everything and sets no provider.
func newRig(t *testing.T, opts *flags.Options) *rig {
	t.Helper()
	store := &faultyStore{MemoryStore: flags.NewMemoryStore(nil)}
	r := newRigOver(t, store, opts)
	r.store = store
	return r
}

func newRigOver(t *testing.T, store flags.Store, opts *flags.Options) *rig {
	t.Helper()
	r := &rig{set: flags.NewSet(store, opts), api: isolated.NewAPI()}
	r.provider = flagsopenfeature.New(r.set, nil)
	r.client = r.api.NewClient()
	t.Cleanup(func() { require.NoError(t, r.api.Shutdown(context.Background())) })
	return r
}

// declare stores definitions by a set of another process.
func (r *rig) declare(t *testing.T, definitions ...flags.Definition) {
	t.Helper()
	r.declareIn(t, r.store.MemoryStore, definitions...)
}

func (r *rig) declareIn(t *testing.T, store flags.Store, definitions ...flags.Definition) {
	t.Helper()
	require.NoError(t, flags.NewSet(store, nil).Declare(t.Context(), definitions...))
}

// copied says whether the set's copy on disk is there.
func copied(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Size() > 0
}

func (r *rig) use(t *testing.T) {
	t.Helper()
	require.NoError(t, r.api.SetProviderAndWait(t.Context(), r.provider))
}

// gherkin returns a stable provider of the flags of the scenarios.
func gherkin(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, nil)
	r.declare(t, gherkinFlags(t)...)
	r.use(t)
	return r
}

func gherkinFlags(t *testing.T) []flags.Definition {
	t.Helper()
	file, err := os.ReadFile("testdata/gherkin.json")
	require.NoError(t, err)
	var raw []json.RawMessage
	require.NoError(t, json.Unmarshal(file, &raw))
	var all []flags.Definition
	for _, one := range raw {
		d, err := flags.ParseDefinition(bytes.NewReader(one))
		require.NoError(t, err)
		all = append(all, d)
	}
	return all
}

// on is a bool flag that these tenants have.
func on(key string, tenants ...string) flags.Definition {
	d := flags.Definition{Key: key, Type: flags.TypeBool, Tenants: map[string]string{}}
	for _, tenant := range tenants {
		d.Tenants[tenant] = "on"
	}
	return d
}

// run lets the set follow its store until the test ends.
func (r *rig) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.set.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

// listen returns a channel of the events of one type.
func (r *rig) listen(t *testing.T, kind of.EventType) <-chan of.EventDetails {
	t.Helper()
	heard := make(chan of.EventDetails, 100)
	fn := func(d of.EventDetails) { heard <- d }
	r.client.AddHandler(kind, &fn)
	return heard
}

// next waits for an event.
func next(t *testing.T, heard <-chan of.EventDetails) of.EventDetails {
	t.Helper()
	select {
	case d := <-heard:
		return d
	case <-time.After(30 * time.Second):
		require.Fail(t, "no event")
		return of.EventDetails{}
	}
}

func (r *rig) requireState(t *testing.T, want of.State) {
	t.Helper()
	require.Eventually(t, func() bool { return r.client.State() == want }, 30*time.Second, time.Millisecond, want)
}

func asTenant(tenant string) of.EvaluationContext { return of.NewEvaluationContext(tenant, nil) }

func callerOf(ctx context.Context, tenant string) context.Context {
	return tenon.WithCaller(ctx, tenon.Caller{Tenant: tenant})
}
