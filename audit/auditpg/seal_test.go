package auditpg_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/internal/pgtest"
)

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
	tx := pgtest.Begin(t, pgtest.Pool(t))
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

// As after a dump was restored, before its first sealing, on a server that was copied rather than made: it has the same
// identifier, and counts from a lower number.
func TestALogRestoredBeforeItsFirstSealingIsNotAccused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(12)
	w.exec("update tenon.audit_log set xid = (xid::text::bigint + 1000000000)::text::xid8")
	require.Empty(t, w.verify().Faults, "before it is sealed")
	w.record(3)
	w.checkpoint()
	w.sound()
	require.Len(t, w.sealedIDs(), 15)
	w.exec("select tenon.audit_new_epoch()")
	w.exec("insert into tenon.audit_log (tenant_id, id, ts, action, xid) select 'acme', tenon.audit_id(now()), now(), 'again', '9000000000000'")
	require.Empty(t, w.verify().Faults, "restored once more before the first sealing of an epoch")
	w.checkpoint()
	w.sound()
	require.Len(t, w.sealedIDs(), 16)
}
