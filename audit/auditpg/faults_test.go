package auditpg_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/audit/audittest"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestAppendingAgainAfterAnyFaultStoresEverythingOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keyed := audittest.Entries("keyed", 3)
	for i := range keyed {
		keyed[i].Key = string(rune('a' + i))
	}
	batches := [][]audit.Entry{audittest.Entries("one", 1), audittest.Entries("few", 3), audittest.Entries("many", 40), keyed}
	want := int64(0)
	for _, batch := range batches {
		want += int64(len(batch))
		pgtest.EveryStep(t, pgtest.Always(pgtest.Faults()...), func(n int, fault pgtest.Fault) bool {
			w.exec("delete from tenon.audit_keys where tenant_id = $1", batch[0].Tenant)
			w.exec("delete from tenon.audit_log where tenant_id = $1", batch[0].Tenant)
			faulty := pgtest.NewFaulty(w.pool, n, fault)
			_, err := auditpg.New(faulty, nil).Append(t.Context(), batch)
			if faulty.Fired() {
				require.ErrorIs(t, err, tenon.ErrUnavailable)
			}
			ids, err := w.store.Append(t.Context(), batch)
			require.NoError(t, err)
			require.Equal(t, batch[0].ID, ids[0])
			require.Equal(t, int64(len(batch)), pgtest.One[int64](t, w.pool, "select count(*) from tenon.audit_log where tenant_id = $1", batch[0].Tenant))
			return faulty.Fired()
		})
	}
	require.Equal(t, want, pgtest.One[int64](t, w.pool, "select count(*) from tenon.audit_log"))
	w.checkpoint()
	w.sound()
}

// writer records in transactions of random length, some of which are undone, until ctx is done.
func (w *world) writer(ctx context.Context, seed uint64) (committed []string, err error) {
	random := rand.New(rand.NewPCG(seed, 1))
	for ctx.Err() == nil {
		tx, err := w.pool.Begin(context.WithoutCancel(ctx))
		if err != nil {
			return committed, err
		}
		var ids []string
		for range 1 + random.IntN(4) {
			id, err := w.log.WithStore(auditpg.New(tx, nil)).Record(context.WithoutCancel(ctx), audit.Record{
				Tenant: fmt.Sprint("t", random.IntN(3)), Action: "a.b", Payload: []byte(`{"n":1}`),
			})
			if err != nil {
				return committed, errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
			}
			ids = append(ids, id)
			if random.IntN(3) == 0 { // stay open while others commit
				_, err := tx.Exec(context.WithoutCancel(ctx), "select pg_sleep($1)", random.Float64()/50)
				if err != nil {
					return committed, errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
				}
			}
		}
		if random.IntN(5) == 0 {
			err = tx.Rollback(context.WithoutCancel(ctx))
		} else if err = tx.Commit(context.WithoutCancel(ctx)); err == nil {
			committed = append(committed, ids...)
		}
		if err != nil {
			return committed, err
		}
	}
	return committed, nil
}

func TestSealersThatFailAtEveryStatementSkipNothingAndSealNothingTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	var mu sync.Mutex
	committed := map[string]bool{}
	var failed error
	for seed := range uint64(4) {
		wait.Go(func() {
			ids, err := w.writer(ctx, seed)
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
			for _, id := range ids {
				committed[id] = true
			}
		})
	}
	rounds := 2
	if conform.Soak() {
		rounds = 30
	}
	for range rounds {
		pgtest.EveryStep(t, pgtest.Always(pgtest.Faults()...), func(n int, fault pgtest.Fault) bool {
			w.waitForWork()
			faulty := pgtest.NewFaulty(w.pool, n, fault)
			_, _ = audit.NewLog(auditpg.New(faulty, nil), nil).Seal(t.Context())
			return faulty.Fired()
		})
	}
	stop()
	wait.Wait()
	require.NoError(t, failed)
	w.checkpoint()
	w.sound()

	sealed := w.sealedIDs()
	require.Len(t, sealed, len(committed))
	for id := range committed {
		require.Equal(t, 1, sealed[id], id)
	}
}

// waitForWork waits until there is something to seal.
func (w *world) waitForWork() {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		head, err := w.store.Head(w.t.Context())
		require.NoError(w.t, err)
		return head.Waiting > 0
	}, patience, time.Millisecond)
}

// sealedIDs returns how often each record has a leaf.
func (w *world) sealedIDs() map[string]int {
	w.t.Helper()
	found := map[string]int{}
	for _, id := range pgtest.List[string](w.t, w.pool, "select id::text from tenon.audit_leaves") {
		found[id]++
	}
	return found
}
