package auditpg_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// patience bounds waiting for what a busy machine may take long for.
const patience = 30 * time.Second

// world is a log in a database of its own, with a signer and an anchor outside.
type world struct {
	t        *testing.T
	pool     *pgxpool.Pool
	store    *auditpg.Store
	log      *audit.Log
	signer   *audit.Signer
	anchored []audit.Checkpoint
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, pool: pgtest.Pool(t, migrations.Audit)}
	var err error
	w.signer, err = audit.NewSigner("example.com/audit", bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	w.store = auditpg.New(w.pool, nil)
	w.log = audit.NewLog(w.store, w.options())
	return w
}

func (w *world) options() *audit.Options {
	keep := func(_ context.Context, c audit.Checkpoint) error {
		w.anchored = append(w.anchored, c)
		return nil
	}
	return &audit.Options{Signer: w.signer, Anchors: map[string]audit.Anchor{"test": audit.AnchorFunc(keep)}}
}

// record records n things that tenants did.
func (w *world) record(n int) []audit.Ref {
	w.t.Helper()
	ctx := tenon.WithCaller(w.t.Context(), tenon.Caller{
		Actor: "ann@acme.test", OnBehalfOf: "bert", IP: "192.0.2.7", UserAgent: "curl/8", RequestID: "r1", TraceID: "t1",
	})
	refs := make([]audit.Ref, n)
	for i := range refs {
		refs[i].Tenant = []string{"acme", "other"}[i%2]
		var err error
		refs[i].ID, err = w.log.Record(ctx, audit.Record{
			Tenant: refs[i].Tenant, Action: "quote.accepted", Key: fmt.Sprint("k", w.size(), i),
			Targets: []audit.Target{{Type: "quote", ID: fmt.Sprint("q", i)}, {Type: "lane", ID: "l7"}},
			Payload: json.RawMessage(fmt.Sprintf(`{"before":{"rate":%d},"after":{"rate":1300.50,"email":"ann@acme.test"}}`, i)),
		})
		require.NoError(w.t, err)
	}
	return refs
}

func (w *world) size() int64 {
	w.t.Helper()
	head, err := w.store.Head(w.t.Context())
	require.NoError(w.t, err)
	return head.Size + head.Waiting
}

// checkpoint waits until all is sealed and signs it.
func (w *world) checkpoint() audit.Checkpoint {
	w.t.Helper()
	w.sealed()
	c, err := w.log.Checkpoint(w.t.Context())
	require.NoError(w.t, err)
	return c
}

// sealed waits until all is sealed: transactions of other tests on the same server hold it up.
func (w *world) sealed() {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		_, err := w.log.Seal(w.t.Context())
		require.NoError(w.t, err)
		head, err := w.store.Head(w.t.Context())
		require.NoError(w.t, err)
		return head.Waiting == 0
	}, patience, 5*time.Millisecond)
}

// verify verifies against what the anchor has.
func (w *world) verify() audit.Report {
	w.t.Helper()
	r, err := w.log.Verify(w.t.Context(), w.anchored...)
	require.NoError(w.t, err)
	return r
}

func (w *world) sound() {
	w.t.Helper()
	r := w.verify()
	require.NoError(w.t, r.Err())
	require.Empty(w.t, r.Faults)
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	pgtest.Exec(w.t, w.pool, sql, args...)
}
