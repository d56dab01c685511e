package gdprpg_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestMarkingAndRestoringOneOfTwoCompanies(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	before := bazaarDump(t, pool)
	host, d := bazaarHost(pool), deletion("acme")

	want := map[string]int64{"bazaar.companies": 1, "bazaar.users": 8, `bazaar."Order"`: 5}
	for range 2 { // the second time changes nothing
		marked, err := host.Mark(t.Context(), d)
		require.NoError(t, err)
		require.Equal(t, want, marked, "one user was deleted before")
	}
	require.Equal(t, 14, pgtest.One[int](t, pool, `
select (select count(*) from bazaar.companies where deleted_at = $1)
  + (select count(*) from bazaar.users where deleted_at = $1 at time zone 'UTC')
  + (select count(*) from bazaar."Order" where deleted_at = $1)`, d.At))
	zenith := func(row string) bool { return !strings.Contains(row, "zenith") }
	require.Equal(t, slices.DeleteFunc(slices.Clone(before), zenith), slices.DeleteFunc(bazaarDump(t, pool), zenith))

	for range 2 {
		restored, err := host.Restore(t.Context(), d)
		require.NoError(t, err)
		require.Equal(t, want, restored)
	}
	require.Equal(t, before, bazaarDump(t, pool))
	_, err := host.Mark(t.Context(), d)
	require.ErrorIs(t, err, gdpr.ErrDeletion, "what was restored is not marked again by a process that was slow")
}

func TestRestoreLeavesWhatTheHostDeletedAgain(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	host, d := bazaarHost(pool), deletion("acme")
	_, err := host.Mark(t.Context(), d)
	require.NoError(t, err)
	pgtest.Exec(t, pool, "update bazaar.users set deleted_at = '2026-02-02' where id = 103")
	restored, err := host.Restore(t.Context(), d)
	require.NoError(t, err)
	require.EqualValues(t, 7, restored["bazaar.users"])
	require.Equal(t, "2026-02-02", pgtest.One[string](t, pool, "select deleted_at::date::text from bazaar.users where id = 103"))
	require.EqualValues(t, 1, pgtest.One[int](t, pool, "select count(*) from bazaar.users where id = 107 and deleted_at is not null"))
}

func TestAnErasureHasNoWayBack(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	host, d := bazaarHost(pool), deletion("acme")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	_, err = host.Restore(t.Context(), d)
	require.ErrorIs(t, err, gdpr.ErrDeletion)
	_, err = host.Mark(t.Context(), d)
	require.ErrorIs(t, err, gdpr.ErrDeletion)

	other := deletion("zenith")
	_, err = host.Restore(t.Context(), other)
	require.NoError(t, err, "nothing was marked")
	plan, err = host.Plan(t.Context(), other.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), other, plan)
	require.ErrorIs(t, err, gdpr.ErrDeletion, "it was restored")
	_, err = host.Mark(t.Context(), gdpr.Deletion{ID: tenon.NewID(asked), Subject: tenon.Subject{Tenant: "nobody"}, At: asked})
	require.ErrorIs(t, err, gdpr.ErrUnknownSubject)
	require.ErrorIs(t, err, tenon.ErrNotFound)
}
