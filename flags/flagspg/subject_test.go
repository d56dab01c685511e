package flagspg_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/internal/pgtest"
)

// naming returns definitions that name tenants wherever one can be named.
func naming(tenants ...string) []flags.Definition {
	values := make([]any, len(tenants))
	for i, tenant := range tenants {
		values[i] = tenant
	}
	is := func(c flags.Condition) flags.Definition {
		return flags.Definition{Type: flags.TypeBool, Rules: []flags.Rule{{If: c, Serve: flags.Only("on")}}}
	}
	stages := flags.Ramp(5, 100)
	stages.Stages[0].Extra = tenants
	all := []flags.Definition{
		named("tenants", tenants...),
		{Type: flags.TypeBool, Rollout: &flags.Rollout{Percent: 5, Extra: tenants}},
		{Type: flags.TypeBool, Rollout: &flags.Rollout{Ramp: &stages}},
		is(flags.Condition{Attr: flags.TenantAttr, Op: flags.OpEqual, Value: tenants[0]}),
		is(flags.Condition{Any: []flags.Condition{
			{Attr: "plan", Op: flags.OpEqual, Value: tenants[0]}, // says nothing of a tenant
			{Not: &flags.Condition{All: []flags.Condition{{Attr: flags.TenantAttr, Op: flags.OpIn, Values: values}}}},
		}}),
	}
	for i, key := range []string{"tenants", "extra", "ramp", "equal", "nested"} {
		all[i].Key = key
	}
	return all
}

func segment(tenant string) flags.Segment {
	return flags.Segment{Key: "early", If: flags.Condition{Attr: flags.TenantAttr, Op: flags.OpIn, Values: []any{tenant, "other"}}}
}

// writeNaming stores two versions of each, by ann and by bob.
func writeNaming(t *testing.T, db flagspg.DB) *flags.Set {
	t.Helper()
	ann := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "ann"})
	bob := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "bob"})
	set := loaded(t, db)
	for _, d := range naming("acme", "other") {
		stored, err := set.Put(ann, d, "")
		require.NoError(t, err)
		stored.Description = "changed"
		_, err = set.Put(bob, stored, "")
		require.NoError(t, err)
	}
	_, err := set.PutSegment(ann, segment("acme"), "")
	require.NoError(t, err)
	_, err = set.Put(ann, named("without", "other"), "")
	require.NoError(t, err)
	return set
}

func TestEraseTakesACompanyOutOfEveryVersion(t *testing.T) {
	t.Parallel()
	pool := database(t)
	set := writeNaming(t, pool)
	opts := telling(t, pool)
	before := pgtest.One[int64](t, pool, "select revision from tenon.flags_revision")

	erased, err := flagspg.New(pool, opts).Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"tenon.flags": 6, "tenon.flag_versions": 11}, erased)
	text := strings.ReplaceAll(strings.Join(dump(t, pool), "\n"), `"attr": "plan", "value": "acme"`, "")
	require.NotContains(t, text, "acme", "but where it is a plan's name")
	require.Contains(t, text, "other")
	require.EqualValues(t, before+1, pgtest.One[int64](t, pool, "select revision from tenon.flags_revision"))
	require.EqualValues(t, 6, pgtest.One[int64](t, pool, "select count(*) from public.told where key like 'flags.erased %'"))

	require.NoError(t, set.Load(t.Context()))
	require.Empty(t, set.Stats().Faults, "what is left is sound")
	d, err := set.Flag("tenants")
	require.NoError(t, err)
	require.EqualValues(t, 3, d.Version)
	require.Equal(t, map[string]string{"other": "on"}, d.Tenants)
	require.Equal(t, true, set.Evaluate("extra", &flags.Who{Tenant: "other"}).Value)
	d, err = set.Flag("without")
	require.NoError(t, err)
	require.EqualValues(t, 1, d.Version, "it named the other alone")

	again, err := flagspg.New(pool, opts).Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"tenon.flags": 0, "tenon.flag_versions": 0}, again)
	require.EqualValues(t, before+1, pgtest.One[int64](t, pool, "select revision from tenon.flags_revision"), "nothing was written")

	_, err = flagspg.New(pool, opts).Erase(t.Context(), tenon.Subject{Tenant: "other"})
	require.NoError(t, err)
	require.NoError(t, set.Load(t.Context()))
	require.Empty(t, set.Stats().Faults, "two that are forgotten stand as one word in a list")
	_, err = flagspg.New(pool, opts).Erase(t.Context(), tenon.Subject{User: "ann"})
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

func TestErasePassesOverWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := flagspg.New(pool, nil)
	for i, body := range []string{`[]`, `7`, `{"tenants": 7, "rollout": [], "rules": {"if": 1}, "if": "acme"}`, `{"rules": [7, {"if": {"attr": "tenant", "values": "acme", "all": [1], "not": []}}]}`} {
		put(t, s, flags.Record{Kind: flags.KindFlag, Key: string(rune('a' + i)), Version: 1, Body: []byte(body), At: now()})
	}
	before := dump(t, pool)
	erased, err := s.Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"tenon.flags": 0, "tenon.flag_versions": 0}, erased)
	require.Equal(t, before, dump(t, pool))
}

func TestEraseOfAPersonEmptiesTheAuthorshipAndNothingElse(t *testing.T) {
	t.Parallel()
	pool := database(t)
	set := writeNaming(t, pool)
	before := strings.Join(dump(t, pool), "\n")
	erased, err := flagspg.New(pool, nil).Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "bob"})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"tenon.flags": 5, "tenon.flag_versions": 5}, erased)
	after := strings.Join(dump(t, pool), "\n")
	require.NotContains(t, after, "bob")
	require.Equal(t, strings.Count(before, "ann"), strings.Count(after, "ann"))
	versions, err := set.Versions(t.Context(), "tenants", 0, 10)
	require.NoError(t, err)
	require.Equal(t, "", versions[0].By)
	require.Equal(t, "ann", versions[1].By)
	require.NoError(t, set.Load(t.Context()))
	require.EqualValues(t, pgtest.One[int64](t, pool, "select revision from tenon.flags_revision"), set.Revision())
}

func TestExportYieldsWhatIsSaidOfACompanyAndOfNoOther(t *testing.T) {
	t.Parallel()
	pool := database(t)
	writeNaming(t, pool)
	s := flagspg.New(pool, nil)
	rows := map[string]int{}
	for row, err := range s.Export(t.Context(), tenon.Subject{Tenant: "acme"}) {
		require.NoError(t, err)
		require.True(t, json.Valid(row.Data))
		require.Contains(t, string(row.Data), "acme")
		require.NotContains(t, string(row.Data), "other")
		rows[row.Table]++
	}
	require.Equal(t, map[string]int{"tenon.flags": 6, "tenon.flag_versions": 11}, rows)

	clear(rows)
	for row, err := range s.Export(t.Context(), tenon.Subject{Tenant: "acme", User: "bob"}) {
		require.NoError(t, err)
		require.Contains(t, string(row.Data), `"by":"bob"`)
		rows[row.Table]++
	}
	require.Equal(t, map[string]int{"tenon.flags": 5, "tenon.flag_versions": 5}, rows)

	for _, err := range s.Export(t.Context(), tenon.Subject{Tenant: "acme"}) {
		require.NoError(t, err)
		break // gives its connection back
	}
	require.Zero(t, pool.Stat().AcquiredConns())
	for _, err := range s.Export(t.Context(), tenon.Subject{}) {
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
}

func TestAnExportThatCannotBeReadEndsWithWhy(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var errs []error
	for _, err := range flagspg.New(database(t), nil).Export(ctx, tenon.Subject{Tenant: "acme"}) {
		errs = append(errs, err)
	}
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], context.Canceled)
}
