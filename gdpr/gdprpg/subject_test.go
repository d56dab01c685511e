package gdprpg_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
)

// keep stores a closed request and a released hold of a tenant, and of a person in it.
func keep(t *testing.T, store *gdprpg.Store, tenant string) {
	t.Helper()
	_, err := store.Change(t.Context(), tenant, func(c *gdpr.Case) (gdpr.Effects, error) {
		for i, user := range []string{"", "ann"} {
			at := noon.Add(time.Duration(i) * time.Second)
			k := gdpr.Key{Tenant: tenant, ID: tenon.NewID(at)}
			c.Requests = append(c.Requests, gdpr.Request{
				Key: k, Kind: gdpr.KindExport, User: user, State: gdpr.StateRefused, Reason: "of " + tenant, ReceivedAt: at, ClosedAt: at,
			})
			c.Holds = append(c.Holds, gdpr.Hold{Key: k, User: user, Reason: "of " + tenant, PlacedAt: at, ReleasedAt: at})
		}
		return gdpr.Effects{}, nil
	})
	require.NoError(t, err)
}

func exported(t *testing.T, store *gdprpg.Store, s tenon.Subject) map[string]int {
	t.Helper()
	found := map[string]int{}
	for row, err := range store.Export(t.Context(), s) {
		require.NoError(t, err)
		require.True(t, strings.Contains(string(row.Data), "of "+s.Tenant), string(row.Data))
		found[row.Table]++
	}
	return found
}

func TestTheRequestsOfASubjectAreExportedAndErased(t *testing.T) {
	t.Parallel()
	store := gdprpg.New(database(t), nil)
	keep(t, store, "acme")
	keep(t, store, "zenith")
	of := func(n int) map[string]int {
		return map[string]int{"tenon.gdpr_requests": n, "tenon.gdpr_holds": n}
	}
	acme, ann := tenon.Subject{Tenant: "acme"}, tenon.Subject{Tenant: "acme", User: "ann"}
	require.Equal(t, of(2), exported(t, store, acme))
	require.Equal(t, of(1), exported(t, store, ann))
	seen := 0
	store.Export(t.Context(), acme)(func(tenon.Row, error) bool { seen++; return false })
	require.Equal(t, 1, seen, "who has seen enough gets no more")
	erased, err := store.Erase(t.Context(), ann)
	require.NoError(t, err)
	require.EqualValues(t, 1, erased["tenon.gdpr_requests"])
	require.Empty(t, exported(t, store, ann))
	require.Equal(t, of(1), exported(t, store, acme))
	_, err = store.Erase(t.Context(), acme)
	require.NoError(t, err)
	require.Empty(t, exported(t, store, acme))
	require.Equal(t, of(2), exported(t, store, tenon.Subject{Tenant: "zenith"}))
}

func TestWhatHasNoTenantIsNotExportedNorErased(t *testing.T) {
	t.Parallel()
	store := gdprpg.New(database(t), nil)
	keep(t, store, "acme")
	for _, s := range []tenon.Subject{{}, {User: "ann"}} {
		var wrong *tenon.FieldError
		_, err := store.Erase(t.Context(), s)
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, "tenant", wrong.Field)
		for row, err := range store.Export(t.Context(), s) {
			require.ErrorAs(t, err, &wrong)
			require.Empty(t, row)
		}
	}
	require.Len(t, exported(t, store, tenon.Subject{Tenant: "acme"}), 2)
}

func TestAnExportThatCannotBeReadEndsWithWhy(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var errs []error
	for _, err := range gdprpg.New(database(t), nil).Export(ctx, tenon.Subject{Tenant: "acme"}) {
		errs = append(errs, err)
	}
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], context.Canceled)
}
