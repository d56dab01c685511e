package tenon_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
)

func TestNewIDIsAVersion7UUID(t *testing.T) {
	t.Parallel()
	id := tenon.NewID(time.UnixMilli(0x017F22E279B0)) // the example of RFC 9562, appendix A.6
	require.Regexp(t, `^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id)
}

func TestNewIDsSortByTimeWithinAMillisecond(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var ids []string
	for i := range 1000 {
		ids = append(ids, tenon.NewID(start.Add(time.Duration(i)*time.Microsecond)))
	}
	require.True(t, slices.IsSorted(ids))
}

func TestNewIDsDiffer(t *testing.T) {
	t.Parallel()
	now, seen := time.Now(), map[string]bool{}
	for range 10_000 {
		id := tenon.NewID(now)
		require.False(t, seen[id])
		seen[id] = true
	}
}

func TestAFieldErrorNamesTheFieldAndIsInvalid(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("entitlements: %w", tenon.Invalid("quantity", "%d is below 0", -1))
	require.ErrorIs(t, err, tenon.ErrInvalid)
	require.EqualError(t, err, "entitlements: quantity: -1 is below 0")
	var field *tenon.FieldError
	require.True(t, errors.As(err, &field))
	require.Equal(t, "quantity", field.Field)
}

func TestTheCallerTravelsInTheContext(t *testing.T) {
	t.Parallel()
	_, ok := tenon.CallerFrom(context.Background())
	require.False(t, ok)
	caller := tenon.Caller{Tenant: "acme", Actor: "key-1", RequestID: "r-1"}
	got, ok := tenon.CallerFrom(tenon.WithCaller(t.Context(), caller))
	require.True(t, ok)
	require.Equal(t, caller, got)
}
