package auditpg_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/audit/audittest"
)

// flips change each column of a record as somebody with the owner's rights could.
var flips = map[string]string{
	"tenant_id":      "tenant_id = 'acmf'",
	"id":             "id = (overlay(id::text placing case when right(id::text, 1) = '0' then '1' else '0' end from 36))::uuid",
	"ts":             "ts = ts + interval '1 microsecond'",
	"actor":          "actor = 'ann@acme.tesu'",
	"on_behalf_of":   "on_behalf_of = ''",
	"action":         "action = 'quote.acceptee'",
	"target":         "target = 'quota'",
	"target_id":      "target_id = target_id || '0'",
	"more_targets":   "more_targets = null",
	"outcome":        "outcome = 'denied'",
	"payload":        "payload = jsonb_set(payload, '{before,rate}', '-1')",
	"payload's kind": "payload = jsonb_set(payload, '{after,rate}', '\"1300.50\"')",
	"no payload":     "payload = null",
	"ip_address":     "ip_address = '192.0.2.8'",
	"user_agent":     "user_agent = 'curl/9'",
	"request_id":     "request_id = 'r2'",
	"trace_id":       "trace_id = ''",
	"key":            "key = key || 'x'",
	"seed":           "seed = set_bit(seed, 77, 1 - get_bit(seed, 77))",
	"no seed":        "seed = null",
	"salts":          "salts = '{\"actor\":\"AAAAAAAAAAAAAAAAAAAAAA==\"}', seed = null",
	"redacted":       "redacted = '{\"actor\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}'",
	"redacted odd":   "redacted = '[1]'",
	"redacted_by":    "redacted_by = id",
	"salts beside":   "salts = '{\"actor\":\"AAAAAAAAAAAAAAAAAAAAAA==\"}'",
	"nothing hidden": "redacted = '{}'",
	"targets beside": "more_targets = jsonb_set(more_targets, '{0,Type}', '\"quote\"')",
	"targets' note":  "more_targets = jsonb_set(more_targets, '{0,note}', '1')",
	"ts without end": "ts = 'infinity'",
	"xid":            "xid = (xid::text::bigint + 1)::text::xid8",
	"xid back":       "xid = '3'",
}

func TestAChangeOfAnyColumnOfARecordIsFoundAndTheRecordNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refs := w.record(12)
	w.checkpoint()
	w.sound()
	for name, change := range flips {
		r := w.tampered("update tenon.audit_log set " + change + where(refs[4]))
		require.True(t, names(r, refs[4]), "%s: %v", name, r.Faults)
		require.NotEmpty(t, r.Err().Error())
	}
}

// tampered runs statements in a copy of the truth: everything is put back afterwards.
func (w *world) tampered(statements ...string) audit.Report {
	w.t.Helper()
	tables := []string{"audit_log", "audit_leaves", "audit_nodes", "audit_checkpoints", "audit_state", "audit_keys"}
	for _, table := range tables {
		w.exec(fmt.Sprintf("create table public.%s as table tenon.%s", table, table))
	}
	for _, s := range statements {
		w.exec(s)
	}
	r := w.verify()
	for _, table := range tables {
		w.exec("truncate tenon." + table)
		w.exec(fmt.Sprintf("insert into tenon.%s select * from public.%s", table, table))
		w.exec("drop table public." + table)
	}
	w.sound()
	return r
}

// names says whether some fault names the record.
func names(r audit.Report, ref audit.Ref) bool {
	for _, f := range r.Faults {
		if f.ID == ref.ID {
			return true
		}
	}
	return false
}

func where(ref audit.Ref) string {
	return fmt.Sprintf(" where tenant_id = '%s' and id = '%s'", ref.Tenant, ref.ID)
}

func TestTamperingWithLeavesNodesAndCheckpointsIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(300)
	w.checkpoint()
	refs := w.record(12)
	w.checkpoint()
	w.sound()
	victim := refs[4]
	for name, statement := range map[string]string{
		"leaf":            "update tenon.audit_leaves set leaf = set_bit(leaf, 9, 1 - get_bit(leaf, 9))" + where(victim),
		"leaf's tenant":   "update tenon.audit_leaves set tenant_id = 'x'" + where(victim),
		"leaf's xid":      "update tenon.audit_leaves set xid = '3'" + where(victim),
		"leaf's index":    "update tenon.audit_leaves set leaf_index = 900" + where(victim),
		"leaf gone":       "delete from tenon.audit_leaves" + where(victim),
		"node":            "update tenon.audit_nodes set hash = set_bit(hash, 9, 1 - get_bit(hash, 9))",
		"node gone":       "delete from tenon.audit_nodes",
		"node's level":    "update tenon.audit_nodes set level = 16",
		"checkpoint root": "update tenon.audit_checkpoints set root = set_bit(root, 9, 1 - get_bit(root, 9)) where size = 300",
		"checkpoint size": "update tenon.audit_checkpoints set size = 299 where size = 300",
		"checkpoint at":   "update tenon.audit_checkpoints set at = at + interval '1 second' where size = 300",
		"checkpoint note": "update tenon.audit_checkpoints set note = replace(note, '300', '301') where size = 300",
	} {
		r := w.tampered(statement)
		require.False(t, r.OK(), name)
		if strings.HasPrefix(name, "leaf's tenant") || name == "leaf" {
			require.True(t, names(r, victim) || len(r.Faults) > 0, "%s: %v", name, r.Faults)
		}
	}
}

func TestDeletedInsertedSwappedAndCutRecordsAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refs := w.record(20)
	w.checkpoint()
	a, b := refs[4], refs[6]

	r := w.tampered("delete from tenon.audit_log" + where(a))
	require.True(t, names(r, a), "%v", r.Faults)
	require.Contains(t, r.Err().Error(), "missing")

	r = w.tampered("insert into tenon.audit_log (tenant_id, id, ts, action, xid) select 'acme', tenon.audit_id(now()), now(), 'forged', '3'")
	require.Len(t, r.Faults, 1)
	require.Contains(t, r.Faults[0].What, "behind the sealing")

	forged := "insert into tenon.audit_log (tenant_id, id, ts, action, xid) select 'acme', tenon.audit_id(now()), now(), 'forged', '3'"
	r = w.tampered(forged, "insert into tenon.audit_leaves select tenant_id, id, -5, sha256(''), 0, xid from tenon.audit_log where action = 'forged'")
	require.False(t, r.OK(), "with a leaf that is not in the tree")
	r = w.tampered(forged, "update tenon.audit_state set system = 'x'")
	require.False(t, r.OK(), "as if it came from elsewhere")

	r = w.tampered(`
update tenon.audit_log a
set payload = b.payload, target_id = b.target_id
from tenon.audit_log b
where a.id in ('` + a.ID + `', '` + b.ID + `') and b.id in ('` + a.ID + `', '` + b.ID + `') and a.id <> b.id`)
	require.True(t, names(r, a) && names(r, b), "%v", r.Faults)

	r = w.tampered(fmt.Sprintf(`
update tenon.audit_leaves set leaf_index = -1 %s;
update tenon.audit_leaves set leaf_index = 4 %s;
update tenon.audit_leaves set leaf_index = 6 %s`, where(a), where(b), where(a)))
	require.False(t, r.OK(), "leaves in another order")

	cut := []string{
		"delete from tenon.audit_log a using tenon.audit_leaves l where l.tenant_id = a.tenant_id and l.id = a.id and l.leaf_index >= 15",
		"delete from tenon.audit_leaves where leaf_index >= 15",
		"delete from tenon.audit_checkpoints",
	}
	r = w.tampered(cut...)
	require.Contains(t, r.Err().Error(), "records 15 to 19: they were signed, and are missing")
}

func TestARewrittenAndResealedHistoryIsToldByTheAnchor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(10)
	w.checkpoint()
	refs := w.record(10)
	w.checkpoint()
	w.exec("update tenon.audit_log set actor = 'mallory'" + where(refs[2]))
	for _, table := range []string{"audit_leaves", "audit_nodes", "audit_checkpoints"} {
		w.exec("truncate tenon." + table)
	}
	anchored := w.anchored
	_, err := w.log.Checkpoint(t.Context())
	require.NoError(t, err)
	w.sealed()
	_, err = w.log.Checkpoint(t.Context())
	require.NoError(t, err, "the owner of key and database can sign again")
	alone, err := w.log.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, alone.OK(), "and the database alone does not tell: %v", alone.Faults)

	r, err := w.log.Verify(t.Context(), anchored...)
	require.NoError(t, err)
	require.Len(t, r.Faults, 1)
	require.EqualValues(t, 10, r.Faults[0].From)
	require.EqualValues(t, 20, r.Faults[0].To)
	require.Contains(t, r.Err().Error(), "rewritten")
}

func TestAnotherDatabaseKeepsCheckpointsAndTellsForgedOnes(t *testing.T) {
	t.Parallel()
	w, elsewhere := newWorld(t), newWorld(t)
	anchor := auditpg.NewAnchor(elsewhere.pool)
	none, err := anchor.Checkpoints(t.Context(), w.signer.Verifier())
	require.NoError(t, err)
	require.Empty(t, none)
	var want []audit.Checkpoint
	for range 3 {
		w.record(4)
		c := w.checkpoint()
		for range 2 {
			require.NoError(t, anchor.Anchor(t.Context(), c), "the same one may come again")
		}
		want = append(want, c)
	}
	got, err := anchor.Checkpoints(t.Context(), w.signer.Verifier())
	require.NoError(t, err)
	require.Equal(t, want, got)
	report, err := w.log.Verify(t.Context(), got...)
	require.NoError(t, err)
	require.True(t, report.OK(), "%v", report.Faults)

	other := w.signer.Checkpoint(want[1].Size, audit.Hash{1}, time.Now())
	require.ErrorIs(t, anchor.Anchor(t.Context(), other), audit.ErrTampered)
	elsewhere.exec("update tenon.audit_anchors set note = replace(note, $1, $2)", fmt.Sprint("\n", want[1].Size, "\n"), "\n9\n")
	_, err = anchor.Checkpoints(t.Context(), w.signer.Verifier())
	require.ErrorIs(t, err, audit.ErrTampered)
}

func TestARedactionThatNoRecordTellsOfIsTampering(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refs := w.record(6)
	w.checkpoint()
	e, err := w.log.Get(t.Context(), refs[2])
	require.NoError(t, err)
	for _, by := range []string{refs[3].ID, "01938a00-0000-7000-8000-00000000000f", ""} {
		redacted := e
		_, err = redacted.Redact(by, func(path, _ string) bool { return path == "actor" })
		require.NoError(t, err)
		err = w.store.Redact(t.Context(), audit.Query{Tenant: "acme", ID: e.ID}, func([]audit.Entry) (changed, records []audit.Entry, err error) {
			return []audit.Entry{redacted}, nil, nil
		})
		require.NoError(t, err)
		r := w.verify()
		require.Len(t, r.Faults, 1, "%v", r.Faults)
		require.Equal(t, e.ID, r.Faults[0].ID)
		w.exec("update tenon.audit_log set actor = $1, seed = $2, salts = null, redacted = null, redacted_by = null"+where(refs[2]), e.Actor, e.Seed)
		w.sound()
	}
}

// erasedFlips change what is left of a record that a person was erased from.
var erasedFlips = map[string]string{
	"salt of what is gone":  `salts = salts || '{"actor":"AAAAAAAAAAAAAAAAAAAAAA=="}'`,
	"salt of nothing":       `salts = salts || '{"payload.x":"AAAAAAAAAAAAAAAAAAAAAA=="}'`,
	"salt's last bits":      `salts = jsonb_set(salts, '{key}', to_jsonb(overlay(salts ->> 'key' placing translate(substr(salts ->> 'key', 22, 1), 'AQgw', 'BRhx') from 22 for 1)))`,
	"member that was there": `payload = payload #- '{after,email}'`,
	"seed":                  `seed = ''`,
	"digest":                `redacted = redacted - 'actor'`,
	"value":                 `actor = 'bob'`,
	"redacted_by":           `redacted_by = id`,
}

func TestAChangeOfARedactedRecordIsFoundAndTheRecordNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refs := w.record(6)
	w.checkpoint()
	_, err := w.log.Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "ann@acme.test"})
	require.NoError(t, err)
	w.checkpoint()
	w.sound()
	for name, change := range erasedFlips {
		r := w.tampered("update tenon.audit_log set " + change + where(refs[4]))
		require.True(t, names(r, refs[4]), "%s: %v", name, r.Faults)
	}
}

func TestAnOddColumnOfARecordWithoutPartsIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, err := w.log.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b"})
	require.NoError(t, err)
	w.checkpoint()
	ref := audit.Ref{Tenant: "acme", ID: id}
	for name, change := range map[string]string{
		"salts": "salts = '[1]'", "redacted": "redacted = '[1]'", "targets": "more_targets = '[1]'", "ts": "ts = '-infinity'",
	} {
		r := w.tampered("update tenon.audit_log set " + change + where(ref))
		require.True(t, names(r, ref), "%s: %v", name, r.Faults)
	}
}

func TestAMissingNodeIsToldAsThatOfItsRecordsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.store.Append(t.Context(), audittest.Entries("acme", 800))
	require.NoError(t, err)
	w.checkpoint()
	r := w.tampered("delete from tenon.audit_nodes where node_index = 1")
	require.Len(t, r.Faults, 1, "%v", r.Faults)
	require.Equal(t, []int64{256, 512}, []int64{r.Faults[0].From, r.Faults[0].To})
}

func TestALogWhoseStateIsGoneNeitherSealsNorIsVerified(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(2)
	w.exec("delete from tenon.audit_state")
	_, err := w.log.Seal(t.Context())
	require.ErrorIs(t, err, audit.ErrTampered)
	_, err = w.log.Verify(t.Context())
	require.ErrorIs(t, err, audit.ErrTampered)
	require.ErrorContains(t, err, "tenon.audit_state has lost its row")
}
