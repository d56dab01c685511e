package flagsopenfeature_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

// all asks for every type and wants the fallback with this code.
func requireFallbacks(t *testing.T, r *rig, code of.ErrorCode) {
	t.Helper()
	for key, fallback := range byType {
		d := ask(t, r.client, key, fallback, of.EvaluationContext{})
		require.Equal(t, fallback, d.Value, key)
		require.Equal(t, of.ErrorReason, d.Reason)
		require.Equal(t, code, d.ErrorCode)
	}
}

func TestGherkinStatusOfAStableProvider(t *testing.T) {
	t.Parallel()
	require.Equal(t, of.ReadyState, gherkin(t).client.State())
}

// blocked is a store whose Load waits.
type blocked struct {
	flags.Store
	release chan struct{}
}

func (b *blocked) Load(ctx context.Context, since int64) (flags.Update, error) {
	select {
	case <-b.release:
		return b.Store.Load(ctx, since)
	case <-ctx.Done():
		return flags.Update{}, ctx.Err()
	}
}

func TestGherkinStatusOfAProviderThatIsNotReady(t *testing.T) {
	t.Parallel()
	store := &blocked{Store: flags.NewMemoryStore(nil), release: make(chan struct{})}
	r := newRigOver(t, store, &flags.Options{Timeout: time.Minute})
	r.declareIn(t, store.Store, gherkinFlags(t)...)
	require.NoError(t, r.api.SetProvider(t.Context(), r.provider))
	require.Equal(t, of.NotReadyState, r.client.State())
	requireFallbacks(t, r, of.ProviderNotReadyCode)
	close(store.release)
	r.requireState(t, of.ReadyState)
	require.Equal(t, true, ask(t, r.client, "boolean-flag", false, of.EvaluationContext{}).Value)
}

func TestGherkinStatusOfAProviderInError(t *testing.T) {
	t.Parallel()
	r := newRig(t, &flags.Options{Refresh: 5 * time.Millisecond})
	r.declare(t, gherkinFlags(t)...)
	r.store.fail(tenon.ErrUnavailable)
	failed := r.listen(t, of.ProviderError)
	require.Error(t, r.api.SetProviderAndWait(t.Context(), r.provider))
	require.Equal(t, of.ErrorState, r.client.State())
	next(t, failed)
	requireFallbacks(t, r, of.ProviderNotReadyCode)

	ready := r.listen(t, of.ProviderReady)
	r.store.fail(nil)
	r.run(t)
	next(t, ready)
	r.requireState(t, of.ReadyState)
	require.Equal(t, true, ask(t, r.client, "boolean-flag", false, of.EvaluationContext{}).Value)
}

func TestGherkinStatusOfAProviderThatCannotBeMended(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.store.fail(errors.New("the schema is not there"))
	require.Error(t, r.api.SetProviderAndWait(t.Context(), r.provider))
	require.Equal(t, of.FatalState, r.client.State())
	requireFallbacks(t, r, of.ProviderFatalCode)
}

func TestGherkinStatusOfAStaleProvider(t *testing.T) {
	t.Parallel()
	disk := filepath.Join(t.TempDir(), "flags.json")
	first := newRig(t, &flags.Options{Bootstrap: disk, Refresh: 5 * time.Millisecond})
	first.declare(t, gherkinFlags(t)...)
	first.run(t)
	require.Eventually(t, func() bool { return copied(disk) }, 30*time.Second, time.Millisecond)

	r := newRig(t, &flags.Options{Bootstrap: disk, Refresh: 5 * time.Millisecond})
	r.store.fail(tenon.ErrUnavailable)
	stale := r.listen(t, of.ProviderStale)
	r.use(t)
	next(t, stale)
	r.requireState(t, of.StaleState)
	require.Equal(t, true, ask(t, r.client, "boolean-flag", false, of.EvaluationContext{}).Value, "it answers from the copy on disk")

	ready := r.listen(t, of.ProviderReady)
	r.declare(t, gherkinFlags(t)...)
	r.store.fail(nil)
	r.run(t)
	next(t, ready)
	r.requireState(t, of.ReadyState)
}

func TestAChangeIsToldWithTheKeysOfTheFlags(t *testing.T) {
	t.Parallel()
	r := newRig(t, &flags.Options{Refresh: 5 * time.Millisecond})
	r.declare(t, on("beta"), on("gamma"))
	r.use(t)
	changed := r.listen(t, of.ProviderConfigChange)
	r.run(t)
	r.declare(t, on("delta", "acme"))
	require.Equal(t, []string{"delta"}, next(t, changed).FlagChanges)
	require.Equal(t, true, ask(t, r.client, "delta", false, asTenant("acme")).Value)
	require.Equal(t, of.ReadyState, r.client.State())
}

func TestEventsThatNobodyTakesNeverHoldUpTheSet(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	require.NoError(t, r.provider.InitWithContext(t.Context(), of.EvaluationContext{}))
	for i := range 200 { // nobody reads the channel
		r.declare(t, on("flag-"+string(rune('a'+i%26))+string(rune('a'+i/26))))
		require.NoError(t, r.set.Load(t.Context()))
	}
	var keys []string
	for len(keys) < 200 {
		select {
		case e := <-r.provider.EventChannel():
			if e.EventType == of.ProviderConfigChange {
				keys = append(keys, e.FlagChanges...)
			}
		case <-time.After(30 * time.Second):
			require.Fail(t, "changes are missing", "%d", len(keys))
		}
	}
	require.Len(t, keys, 200, "each is told once")
	require.NoError(t, r.provider.ShutdownWithContext(t.Context()))
}

func TestShutdownEndsEvaluationAndEventsAndMayBeUndone(t *testing.T) {
	t.Parallel()
	r := gherkin(t)
	require.NoError(t, r.provider.ShutdownWithContext(t.Context()))
	require.NoError(t, r.provider.ShutdownWithContext(t.Context()), "twice is once")
	d := r.provider.BooleanEvaluation(t.Context(), "boolean-flag", false, nil)
	require.False(t, d.Value)
	require.Equal(t, of.ProviderNotReadyCode, d.ResolutionDetail().ErrorCode)

	require.NoError(t, r.provider.Init(of.EvaluationContext{}))
	require.True(t, r.provider.BooleanEvaluation(t.Context(), "boolean-flag", false, nil).Value)
	r.provider.Shutdown()
}

func TestSettingTheProviderEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := newRigOver(t, &blocked{Store: flags.NewMemoryStore(nil), release: make(chan struct{})}, &flags.Options{Timeout: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, r.api.SetProviderAndWait(ctx, r.provider), context.Canceled)
}
