package auditpg_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/internal/pgtest"
)

// dump returns a full dump of the database.
func (w *world) dump() string {
	w.t.Helper()
	program, err := exec.LookPath(filepath.Join(pgtest.Shared(w.t).BinDir(), "pg_dump"))
	if err != nil {
		program, err = exec.LookPath("pg_dump")
	}
	require.NoError(w.t, err)
	out, err := exec.CommandContext(w.t.Context(), program, "--dbname", w.pool.Config().ConnString()).Output()
	require.NoError(w.t, err)
	return string(out)
}

func TestAnErasedPersonIsNowhereInAFullDumpAndEveryProofHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refs := w.record(40)
	const person = "zoe.quist@acme.test"
	ctx := tenon.WithCaller(t.Context(), tenon.Caller{Actor: person, IP: "198.51.100.77", UserAgent: "zoes-own-browser"})
	var about []audit.Ref
	for _, r := range []audit.Record{
		{Tenant: "acme", Action: "user.signed_in", Key: "signed in " + person},
		{Tenant: "acme", Action: "note.added", Payload: json.RawMessage(`{"text":"asked by zoe.quist@acme.test, twice","name":"Zoe Quist","rate":7}`)},
		{Tenant: "acme", Action: "user.invited", Actor: "ann", IP: "192.0.2.1", UserAgent: "ie", Targets: []audit.Target{{Type: "user", ID: person}, {Type: "user", ID: "bert"}}, Payload: json.RawMessage(`{"email":"zoe.private@example.com"}`)},
	} {
		id, err := w.log.Record(ctx, r)
		require.NoError(t, err)
		about = append(about, audit.Ref{Tenant: "acme", ID: id})
	}
	hold, err := w.log.Hold(ctx, audit.Hold{Tenant: "acme", Reason: "a case"})
	require.NoError(t, err)
	w.checkpoint()
	var secrets []string
	for _, ref := range about {
		e, err := w.log.Get(t.Context(), ref)
		require.NoError(t, err)
		secrets = append(secrets, hex.EncodeToString(e.Seed), base64.StdEncoding.EncodeToString(e.Seed))
	}
	values := []string{person, "Zoe Quist", "zoe.private@example.com", "198.51.100.77", "zoes-own-browser"}
	before := w.dump()
	for _, value := range values {
		require.True(t, strings.Contains(before, value), value)
	}

	_, err = w.store.Erase(t.Context(), tenon.Subject{Tenant: "acme", User: person})
	require.ErrorIs(t, err, audit.ErrHeld)
	require.NoError(t, w.log.Release(t.Context(), hold, "closed"))
	erased, err := w.store.Erase(t.Context(), tenon.Subject{Tenant: "acme", User: person})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"tenon.audit_log": 4, "tenon.audit_keys": 0, "tenon.audit_leaves": 0, "tenon.audit_holds": 1}, erased)

	after := w.dump()
	for _, gone := range append(values, secrets...) {
		require.False(t, strings.Contains(after, gone), gone) // or a failure would print the dump
	}
	require.True(t, strings.Contains(after, "ann@acme.test"), "others stay")
	w.sound()
	w.checkpoint()
	w.sound()
	for _, ref := range append(about, refs...) {
		e, err := w.log.Get(t.Context(), ref)
		require.NoError(t, err)
		proof, err := w.log.ProveInclusion(t.Context(), ref)
		require.NoError(t, err)
		require.NoError(t, proof.Check(&e, w.signer.Verifier()))
	}
	again, err := w.store.Erase(t.Context(), tenon.Subject{Tenant: "acme", User: person})
	require.NoError(t, err)
	require.Zero(t, again["tenon.audit_log"])
	_, err = w.store.Erase(t.Context(), tenon.Subject{User: person})
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

func TestAnErasedCompanyKeepsWhenAndWhatOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(1200)
	w.checkpoint()
	erased, err := w.store.Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	require.EqualValues(t, 600, erased["tenon.audit_log"])
	require.EqualValues(t, 0, pgtest.One[int64](t, w.pool, "select count(*) from tenon.audit_keys where tenant_id = 'acme'"))
	require.EqualValues(t, 0, pgtest.One[int64](t, w.pool, "select count(*) from tenon.audit_log where tenant_id = 'acme' and payload::text like '%ann@%'"))
	require.EqualValues(t, 600, pgtest.One[int64](t, w.pool, "select count(*) from tenon.audit_log where tenant_id = 'other' and actor = 'ann@acme.test'"))
	w.checkpoint()
	w.sound()
	require.EqualValues(t, 600, w.verify().Redacted)
}

func TestExportHandsOverWhatIsKeptAboutASubject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(10)
	w.checkpoint()
	_, err := w.log.Hold(t.Context(), audit.Hold{Tenant: "acme", Reason: "a case"})
	require.NoError(t, err)
	rows := map[string]int{}
	for row, err := range w.store.Export(t.Context(), tenon.Subject{Tenant: "acme"}) {
		require.NoError(t, err)
		require.True(t, json.Valid(row.Data))
		require.NotContains(t, string(row.Data), `"seed"`)
		require.NotContains(t, string(row.Data), `other`)
		rows[row.Table]++
	}
	require.Equal(t, map[string]int{"tenon.audit_log": 6, "tenon.audit_keys": 5, "tenon.audit_leaves": 5, "tenon.audit_holds": 1}, rows)
	clear(rows)
	for row, err := range w.store.Export(t.Context(), tenon.Subject{Tenant: "acme", User: "ann@acme.test"}) {
		require.NoError(t, err)
		require.Contains(t, string(row.Data), "ann@acme.test")
		rows[row.Table]++
	}
	require.Equal(t, map[string]int{"tenon.audit_log": 5}, rows)
	for _, err := range w.store.Export(t.Context(), tenon.Subject{}) {
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
	for _, end := range []string{"tenon.audit_log", "tenon.audit_leaves"} { // wherever one ends
		for row, err := range w.store.Export(t.Context(), tenon.Subject{Tenant: "acme"}) {
			require.NoError(t, err)
			if row.Table == end {
				break
			}
		}
	}
	require.Zero(t, w.pool.Stat().AcquiredConns())
}
