package ratelimitpg_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitpg"
)

func TestExportAndErase(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := ratelimitpg.New(pool, nil)
	settle(t, s,
		take(ratelimit.Key{Tenant: "acme", Name: "u"}, 1, hour, ratelimit.Bucket(0.001, 10)),
		take(ratelimit.Key{Tenant: "acme", Name: "v"}, 1),
		take(ratelimit.Key{Tenant: "bolt", Name: "u"}, 1))
	exported := func(subject tenon.Subject) (names []string) {
		for row, err := range s.Export(t.Context(), subject) {
			require.NoError(t, err)
			require.Equal(t, "tenon.ratelimits", row.Table)
			var data struct{ Name string }
			require.NoError(t, json.Unmarshal(row.Data, &data))
			names = append(names, data.Name)
		}
		return names
	}
	require.Equal(t, []string{"u", "u", "v"}, exported(tenon.Subject{Tenant: "acme"}))
	require.Equal(t, []string{"v"}, exported(tenon.Subject{Tenant: "acme", User: "v"}))
	for _, err := range s.Export(t.Context(), tenon.Subject{Tenant: "acme"}) {
		require.NoError(t, err)
		break // gives its connection back
	}
	require.Zero(t, pool.Stat().AcquiredConns())

	for _, c := range []struct {
		subject tenon.Subject
		want    int64
	}{
		{tenon.Subject{Tenant: "acme", User: "u"}, 2},
		{tenon.Subject{Tenant: "acme"}, 1},
		{tenon.Subject{Tenant: "acme"}, 0},
	} {
		erased, err := s.Erase(t.Context(), c.subject)
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"tenon.ratelimits": c.want}, erased)
	}
	require.Empty(t, exported(tenon.Subject{Tenant: "acme"}))
	require.Len(t, exported(tenon.Subject{Tenant: "bolt"}), 1)
	_, err := s.Erase(t.Context(), tenon.Subject{User: "u"})
	require.ErrorIs(t, err, tenon.ErrInvalid)
	for _, err := range s.Export(t.Context(), tenon.Subject{}) {
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
}
