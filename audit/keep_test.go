package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

func TestAHoldCoversItsTenantsRecordsOfItsTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for _, c := range []struct {
		name   string
		hold   audit.Hold
		tenant string
		at     time.Time
		want   bool
	}{
		{"without_an_end_on_either_side", audit.Hold{Tenant: "acme"}, "acme", at, true},
		{"another_tenant's", audit.Hold{Tenant: "acme"}, "other", at, false},
		{"the_platform's_own", audit.Hold{}, "", at, true},
		{"a_tenant's_by_the_platform's_own", audit.Hold{}, "acme", at, false},
		{"anybody's", audit.Hold{AllTenants: true}, "acme", at, true},
		{"where_it_begins", audit.Hold{Tenant: "acme", From: at}, "acme", at, true},
		{"before_it_begins", audit.Hold{Tenant: "acme", From: at}, "acme", at.Add(-time.Microsecond), false},
		{"where_it_ends", audit.Hold{Tenant: "acme", To: at}, "acme", at, false},
		{"before_it_ends", audit.Hold{Tenant: "acme", To: at}, "acme", at.Add(-time.Microsecond), true},
		{"within", audit.Hold{Tenant: "acme", From: at.Add(-day), To: at.Add(day)}, "acme", at, true},
		{"after_it_was_released", audit.Hold{Tenant: "acme", Released: at}, "acme", at.Add(-day), false},
	} {
		require.Equal(t, c.want, c.hold.Covers(c.tenant, c.at), c.name)
	}
}

func TestAHoldIsReleasedOnce(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	ctx := tenon.WithCaller(t.Context(), caller)
	id, err := log.Hold(ctx, audit.Hold{Tenant: "acme", Reason: "case 7"})
	require.NoError(t, err)
	require.ErrorIs(t, log.Release(ctx, tenon.NewID(time.Now()), "closed"), audit.ErrUnknownHold)
	require.NoError(t, log.Release(ctx, id, "closed"))
	err = log.Release(ctx, id, "closed again")
	require.ErrorIs(t, err, audit.ErrUnknownHold)
	require.ErrorIs(t, err, tenon.ErrNotFound)
	var told []string
	for e, err := range log.All(t.Context(), audit.Query{Tenant: "acme", OldestFirst: true}) {
		require.NoError(t, err)
		require.Equal(t, audit.Target{Type: "hold", ID: id}, e.Targets[0])
		told = append(told, e.Action+" by "+e.Actor)
	}
	require.ElementsMatch(t, []string{"audit.held by ann@acme.test", "audit.released by ann@acme.test"}, told)
}

// anchored returns options of a log that keeps records for 40 days, and whose anchor keeps every checkpoint.
func anchored(o audit.Options) audit.Options {
	keep := audit.AnchorFunc(func(context.Context, audit.Checkpoint) error { return nil })
	o.Keep, o.Anchors = 40*24*time.Hour, map[string]audit.Anchor{"test": keep}
	return o
}

// aged returns a log of old records of two tenants, four months ago, and new ones. The old ones are dropped.
func aged(t *testing.T, o audit.Options) *audit.Log {
	t.Helper()
	log, _ := newLog(t, anchored(o))
	old := time.Now().AddDate(0, -4, 0)
	for i, tenant := range []string{"acme", "other", "acme", "acme"} {
		_, err := log.Record(t.Context(), audit.Record{
			Tenant: tenant, Action: "a.b", Actor: "ann@acme.test", At: old.Add(time.Duration(i)),
		})
		require.NoError(t, err)
	}
	_, err := log.Checkpoint(t.Context())
	require.NoError(t, err)
	dropped, err := log.Retain(t.Context())
	require.NoError(t, err)
	require.Len(t, dropped, 1)
	for range 2 {
		_, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b", Actor: "ann@acme.test"})
		require.NoError(t, err)
	}
	return log
}

func TestRunDropsWhatIsOlderThanIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, _ := newLog(t, anchored(audit.Options{}))
		for range 3 {
			_, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b", At: time.Now().AddDate(0, -4, 0)})
			require.NoError(t, err)
		}
		running(t, log)
		require.EqualValues(t, 3, log.Stats().Dropped)
		told := only(t, log, audit.Query{AllTenants: true})
		require.Equal(t, audit.ActionDropped, told.Action)
		require.Equal(t, "job:audit.retain", told.Actor)
	})
}

func TestAnExportShowsThePlacesOfWhatRetentionLetGoOf(t *testing.T) {
	t.Parallel()
	log := aged(t, audit.Options{})
	key := signer(t, "example.com/audit", 1).Verifier()
	for _, f := range formats {
		b := export(t, log, audit.ExportOptions{Query: audit.Query{Tenant: "acme"}, Format: f})
		s, err := audit.VerifyExport(bytes.NewReader(b), key)
		require.NoError(t, err, f)
		require.EqualValues(t, 3, s.Absent, f)
		for cut := len(b) / 9; cut < len(b)-1; cut += len(b) / 9 { // also among what is absent
			resume, good, err := audit.ReadExport(bytes.NewReader(b[:cut]))
			if errors.Is(err, tenon.ErrInvalid) {
				continue // within the manifest
			}
			require.NoError(t, err, f)
			rest := export(t, log, audit.ExportOptions{Resume: resume})
			again, err := audit.VerifyExport(bytes.NewReader(append(b[:good:good], rest...)), key)
			require.NoError(t, err, "%s cut at %d", f, cut)
			require.EqualValues(t, 3, again.Absent)
		}
		b = export(t, log, audit.ExportOptions{Query: audit.Query{Tenant: "acme", Actor: "ann@acme.test"}, Format: f})
		s, err = audit.VerifyExport(bytes.NewReader(b), key)
		require.NoError(t, err, f)
		require.Zero(t, s.Absent, "nobody can tell any more whose deeds they were")
		require.EqualValues(t, 2, s.Records)
	}
}

func TestTheLeafOfAnAbsentRecordIsNotAnother(t *testing.T) {
	t.Parallel()
	log := aged(t, audit.Options{})
	key := signer(t, "example.com/audit", 1).Verifier()
	first := bytes.SplitAfter(export(t, log, audit.ExportOptions{Query: audit.Query{Tenant: "acme"}}), []byte("\n"))[1]
	var absent exported
	require.NoError(t, json.Unmarshal(first, &absent))
	for _, f := range formats {
		b := export(t, log, audit.ExportOptions{Query: audit.Query{Tenant: "acme"}, Format: f})
		for what, other := range map[string]string{
			absent.Leaf.String(): audit.Hash{1}.String(), absent.Absent.ID: tenon.NewID(time.Now()),
		} {
			forged := bytes.Replace(b, []byte(what), []byte(other), 1)
			require.NotEqual(t, b, forged, f)
			_, err := audit.VerifyExport(bytes.NewReader(forged), key)
			require.ErrorIs(t, err, audit.ErrTampered, f)
			if f == audit.JSONL && what == absent.Leaf.String() {
				require.ErrorContains(t, err, "record "+absent.Absent.ID, "it says which")
			}
		}
	}
}

func TestWhatTheLogSaysOfItselfIsNotForFieldPolicies(t *testing.T) {
	t.Parallel()
	log := aged(t, audit.Options{Fields: map[string]audit.Policy{
		"name": audit.Ignore, "records": audit.Ignore, "reason": audit.Redact, "from": audit.Redact, "payload.*.*": audit.Ignore,
	}})
	n, err := log.Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "ann@acme.test"})
	require.NoError(t, err)
	require.EqualValues(t, 2, n["tenon.audit_log"])
	_, err = log.Checkpoint(t.Context())
	require.NoError(t, err)
	r, err := log.Verify(t.Context())
	require.NoError(t, err)
	require.NoError(t, r.Err())
	require.EqualValues(t, 4, r.Dropped)
	require.EqualValues(t, 2, r.Redacted)
	told := only(t, log, audit.Query{Tenant: "acme", Action: audit.ActionRedacted})
	require.Contains(t, string(told.Payload), `"reason":"erasure"`)
}

func TestACheckpointIsAnchoredEverywhereOrTriedAgain(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	var kept []audit.Checkpoint
	failing := true
	log, store := newLog(t, audit.Options{Anchors: map[string]audit.Anchor{
		"file": audit.AnchorFunc(func(_ context.Context, c audit.Checkpoint) error { kept = append(kept, c); return nil }),
		"hook": audit.AnchorFunc(func(context.Context, audit.Checkpoint) error {
			if failing {
				return broken
			}
			return nil
		}),
	}})
	_, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b"})
	require.NoError(t, err)
	isAnchored := func() bool {
		stored, err := store.Checkpoints(t.Context(), 0, 10)
		require.NoError(t, err)
		require.Len(t, stored, 1)
		return stored[0].Anchored
	}
	first, err := log.Checkpoint(t.Context())
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "anchor hook", "it says which")
	require.False(t, isAnchored())
	failing = false
	second, err := log.Checkpoint(t.Context())
	require.NoError(t, err)
	require.True(t, isAnchored())
	require.Equal(t, first, second, "the same one, since nothing was added")
	require.Equal(t, []audit.Checkpoint{first, first}, kept)
	_, err = log.Checkpoint(t.Context())
	require.NoError(t, err)
	require.Len(t, kept, 2, "whoever has it is not told again")
}
