package auditpg_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// monthsAgo returns the middle of a month, n months ago.
func monthsAgo(n int) time.Time {
	now := time.Now().UTC()
	return time.Date(now.Year(), now.Month()-time.Month(n), 15, 0, 0, 0, 0, time.UTC)
}

// aged returns a world with records of each of the last months, and the log of one who keeps two of them.
func aged(t *testing.T, months int) (*world, *audit.Log) {
	t.Helper()
	w := newWorld(t)
	require.NoError(t, migrations.EnsurePartitions(t.Context(), w.pool, "audit_log", monthsAgo(months), months))
	for n := range months {
		for i := range 5 {
			_, err := w.log.Record(t.Context(), audit.Record{
				Tenant: "acme", Action: "a.b", At: monthsAgo(n).Add(time.Duration(i) * time.Second), Payload: []byte(`{"n":1}`),
			})
			require.NoError(t, err)
		}
	}
	opts := w.options()
	opts.Keep = time.Since(monthsAgo(2).AddDate(0, 0, -14)) - time.Hour
	return w, audit.NewLog(w.store, opts)
}

func TestRetentionDropsSealedAndAnchoredMonthsAlone(t *testing.T) {
	t.Parallel()
	w, log := aged(t, 5)
	dropped, err := log.Retain(t.Context())
	require.NoError(t, err)
	require.Empty(t, dropped, "nothing is sealed")
	w.sealed()
	dropped, err = log.Retain(t.Context())
	require.NoError(t, err)
	require.Empty(t, dropped, "nothing is anchored")
	w.checkpoint()

	hold, err := log.Hold(t.Context(), audit.Hold{Tenant: "acme", Reason: "case", From: monthsAgo(3), To: monthsAgo(3).Add(time.Hour)})
	require.NoError(t, err)
	dropped, err = log.Retain(t.Context())
	require.NoError(t, err)
	require.Len(t, withRecords(dropped), 1, "the month before the held one")
	require.EqualValues(t, 5, withRecords(dropped)[0].Records)
	require.NoError(t, log.Release(t.Context(), hold, "closed"))
	dropped, err = log.Retain(t.Context())
	require.NoError(t, err)
	require.Len(t, withRecords(dropped), 1)
	require.EqualValues(t, 3*5, pgtest.One[int64](t, w.pool, "select count(*) from tenon.audit_log where action = 'a.b'"))

	w.checkpoint()
	w.sound()
	r := w.verify()
	require.EqualValues(t, 10, r.Dropped)
	e, err := log.List(t.Context(), audit.Query{Tenant: "acme", Action: "a.b", Limit: 1})
	require.NoError(t, err)
	proof, err := log.ProveInclusion(t.Context(), audit.Ref{Tenant: "acme", ID: e[0].ID})
	require.NoError(t, err)
	require.NoError(t, proof.Check(&e[0], w.signer.Verifier()))
}

func TestAMonthThatSomebodyReadsIsDroppedTheNextTime(t *testing.T) {
	t.Parallel()
	w, log := aged(t, 4)
	w.checkpoint()
	reader := pgtest.Begin(t, w.pool)
	pgtest.Exec(t, reader, "select from tenon.audit_log")
	dropped, err := log.Retain(t.Context())
	require.NoError(t, err, "whoever reads is not disturbed")
	require.Empty(t, dropped)
	require.NoError(t, reader.Rollback(t.Context()))
	dropped, err = log.Retain(t.Context())
	require.NoError(t, err)
	require.Len(t, withRecords(dropped), 1)
}

func withRecords(dropped []audit.Dropped) []audit.Dropped {
	var some []audit.Dropped
	for _, d := range dropped {
		if d.Records > 0 {
			some = append(some, d)
		}
	}
	return some
}

func TestARecordOfAMonthWithoutAPartitionIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.log.Record(t.Context(), audit.Record{Action: "a.b", At: time.Now().AddDate(5, 0, 0)})
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	require.ErrorContains(t, err, "no partition")
}

func TestARecordOfBeforeTheOldestMonthIsRefusedByNameAndHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := audit.Record{Tenant: "acme", Action: "a.b", At: time.Date(1999, 3, 1, 0, 0, 0, 0, time.UTC)}
	_, err := w.log.Record(t.Context(), old)
	var field *tenon.FieldError
	require.ErrorAs(t, err, &field)
	require.Equal(t, "at", field.Field)
	opts := w.options()
	opts.Spool = t.TempDir()
	log := audit.NewLog(w.store, opts)
	for i := range 20 {
		r := audit.Record{Tenant: "acme", Action: "a.b"}
		if i == 7 {
			r = old
		}
		_, err := log.Enqueue(t.Context(), r)
		require.NoError(t, err)
	}
	require.NoError(t, log.Flush(t.Context()))
	require.EqualValues(t, 19, pgtest.One[int64](t, w.pool, "select count(*) from tenon.audit_log"))
	require.EqualValues(t, 1, log.Stats().SetAside, "and it is kept beside")
	tx := pgtest.Begin(t, w.pool)
	_, err = w.log.WithStore(auditpg.New(tx, nil)).Record(t.Context(), old)
	require.ErrorIs(t, err, tenon.ErrUnavailable, "a transaction that has failed tells no more")
}

func TestMaintainMakesPartitionsAndForgetsOldKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(4)
	later := time.Now().AddDate(0, 6, 0)
	require.NoError(t, w.store.Maintain(t.Context(), later))
	missing, err := migrations.MissingPartitions(t.Context(), w.pool, "audit_log", later, 3)
	require.NoError(t, err)
	require.Empty(t, missing)
	require.Zero(t, pgtest.One[int64](t, w.pool, "select count(*) from tenon.audit_keys"))
	require.NoError(t, auditpg.New(w.pool, &auditpg.Options{KeepKeys: -1}).Maintain(t.Context(), later))
}

func TestWhoeverDropsAMonthCannotSayWhichMonthItIsNorWhatIsAnchored(t *testing.T) {
	t.Parallel()
	w, log := aged(t, 5)
	from := time.Date(monthsAgo(3).Year(), monthsAgo(3).Month(), 1, 0, 0, 0, 0, time.UTC)
	name := pgtest.One[string](t, w.pool, "select relname::text from pg_class where relkind = 'r' and relname like 'audit_log%' || $1", from.Format("2006m01"))
	drop := func(from, to time.Time, anchored int64) *int64 {
		return pgtest.One[*int64](t, w.pool, "select tenon.audit_drop_partition($1, $2, $3, $4)", name, from, to, anchored)
	}
	w.sealed()
	require.Nil(t, drop(from, from.AddDate(0, 1, 0), 1_000_000), "no anchor has anything")
	w.checkpoint()
	_, err := log.Hold(t.Context(), audit.Hold{Tenant: "acme", Reason: "case", From: monthsAgo(3), To: monthsAgo(3).Add(time.Hour)})
	require.NoError(t, err)
	require.Nil(t, drop(from, from.AddDate(0, 1, 0), 1_000_000), "it is held")
	require.Nil(t, drop(from.AddDate(-9, 0, 0), from.AddDate(-9, 1, 0), 1_000_000), "it is held, whatever month it is said to be")
}
