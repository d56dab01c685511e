package auditpg_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/internal/pgtest"
)

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
	if soak() {
		rounds = 30
	}
	for range rounds {
		for _, fault := range []pgtest.Fault{pgtest.Fail, pgtest.CutBefore, pgtest.CutAfter} {
			w.failAtEvery(fault)
		}
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

// failAtEvery seals with the n-th statement going wrong, for every n.
func (w *world) failAtEvery(fault pgtest.Fault) {
	w.t.Helper()
	for n := 1; ; n++ {
		w.waitForWork()
		faulty := pgtest.NewFaulty(w.pool, n, fault)
		_, _ = audit.NewLog(auditpg.New(faulty, nil), nil).Seal(w.t.Context())
		if !faulty.Fired() {
			return
		}
		require.Less(w.t, n, 100)
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
	rows, err := w.pool.Query(w.t.Context(), "select id::text from tenon.audit_leaves")
	require.NoError(w.t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(w.t, err)
	found := map[string]int{}
	for _, id := range ids {
		found[id]++
	}
	return found
}

func TestOneInstanceSealsAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(50)
	var wait sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wait.Go(func() {
			for range 5 {
				_, err := w.log.Seal(t.Context())
				errs[i] = errors.Join(errs[i], err)
			}
		})
	}
	wait.Wait()
	require.NoError(t, errors.Join(errs...))
	w.checkpoint()
	w.sound()
}

func TestATransactionThatStaysOpenIsNamedAndPassedByNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	elsewhere, err := pgxpool.New(t.Context(), pgtest.Database(t))
	require.NoError(t, err)
	t.Cleanup(elsewhere.Close)
	tx, err := elsewhere.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	var pid int
	require.NoError(t, tx.QueryRow(t.Context(), "select pg_backend_pid() from pg_current_xact_id() x where x is not null").Scan(&pid))

	w.record(3)
	n, err := w.log.Seal(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "a transaction in another database is older")
	require.Eventually(t, func() bool { // older ones of other tests come first
		head, err := w.store.Head(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 3, head.Waiting)
		require.False(t, head.Oldest.IsZero())
		return head.Blocker == pid && !head.BlockerSince.IsZero()
	}, patience, 5*time.Millisecond)
	require.NoError(t, tx.Commit(t.Context()))
	w.checkpoint()
	w.sound()
}

func TestABoundStoreDoesNotSealOrRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tx, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	bound := w.log.WithStore(auditpg.New(tx, nil))
	_, err = bound.Seal(t.Context())
	require.ErrorIs(t, err, audit.ErrUnsupported)
	require.ErrorIs(t, auditpg.New(tx, nil).Start(t.Context()), tenon.ErrInvalid)
	require.NoError(t, tx.Rollback(t.Context()))
}

// As after a dump was restored on another server: transaction ids begin anew, lower or higher.
func TestARestoredLogGoesOnInANewEpoch(t *testing.T) {
	t.Parallel()
	for name, shift := range map[string]string{"from a server far ahead": "1000000000", "from a server far behind": "-1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.record(300)
			w.checkpoint()
			w.record(5) // not sealed when the dump is taken
			w.exec("update tenon.audit_state set system = 'another'")
			if shift == "-1" {
				w.exec("update tenon.audit_log set xid = '3'")
				w.exec("update tenon.audit_leaves set xid = '3'")
			} else {
				w.exec("update tenon.audit_log set xid = (xid::text::bigint + " + shift + ")::text::xid8")
				w.exec("update tenon.audit_leaves set xid = (xid::text::bigint + " + shift + ")::text::xid8")
			}
			require.Empty(t, w.verify().Faults, "nothing is at fault before it is sealed")
			tx, err := w.pool.Begin(t.Context())
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), "select pg_current_xact_id()")
			require.NoError(t, err)
			_, err = w.log.Seal(t.Context()) // begins the epoch while an older transaction is yet to write
			require.NoError(t, err)
			_, err = w.log.WithStore(auditpg.New(tx, nil)).Record(t.Context(), audit.Record{Tenant: "acme", Action: "late"})
			require.NoError(t, err)
			require.NoError(t, tx.Commit(t.Context()))
			w.record(7)
			w.checkpoint()
			w.record(5)
			w.checkpoint()
			w.sound()
			require.Len(t, w.sealedIDs(), 318)
		})
	}
}
