package flagspg_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return pgtest.Pool(t, migrations.Flags)
}

// now is an instant as stores keep them.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// patient returns a set that a busy machine does not hurry.
func patient(store flags.Store) *flags.Set {
	return flags.NewSet(store, &flags.Options{Timeout: time.Minute})
}

// loaded returns a set that knows what is stored.
func loaded(t *testing.T, db flagspg.DB) *flags.Set {
	t.Helper()
	s := patient(flagspg.New(db, nil))
	require.NoError(t, s.Load(t.Context()))
	return s
}

// at returns a bool flag with these tenants switched on.
func named(key string, tenants ...string) flags.Definition {
	d := flags.Definition{Key: key, Type: flags.TypeBool, Tenants: map[string]string{}}
	for _, tenant := range tenants {
		d.Tenants[tenant] = "on"
	}
	return d
}

// record returns a version of a flag as a Set would hand it over.
func record(t *testing.T, d flags.Definition, version int64) flags.Record {
	t.Helper()
	body, err := json.Marshal(d)
	require.NoError(t, err)
	return flags.Record{Kind: flags.KindFlag, Key: d.Key, Version: version, Body: body, By: "ann", Reason: "test", At: now()}
}

// put stores a version under the next revision, whatever that is.
func put(t *testing.T, s *flagspg.Store, records ...flags.Record) int64 {
	t.Helper()
	u, err := s.Load(t.Context(), 1<<62)
	require.NoError(t, err)
	revision, err := s.Write(t.Context(), flags.Write{Base: u.Revision, Records: records})
	require.NoError(t, err)
	return revision
}

const dumpSQL = `
select 'revision ' || revision from tenon.flags_revision
union all select 'flag ' || to_jsonb(f)::text from tenon.flags f
union all select 'version ' || to_jsonb(v)::text from tenon.flag_versions v
union all select 'mark ' || to_jsonb(m)::text from tenon.flag_marks m
order by 1`

// dump returns every row.
func dump(t *testing.T, db flagspg.DB) []string {
	t.Helper()
	return pgtest.List[string](t, db, dumpSQL)
}

// telling makes a table of what is told, and returns options that write to it.
func telling(t *testing.T, db flagspg.DB) *flagspg.Options {
	t.Helper()
	pgtest.Tell(t, db)
	return &flagspg.Options{Notifier: pgtest.Notifier, Recorder: pgtest.Recorder}
}
