package gdpr_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
)

func TestWhatTheHostSaysIsADenialUnlessItHasAClass(t *testing.T) {
	t.Parallel()
	away := fmt.Errorf("who works here: %w", tenon.ErrUnavailable)
	for want, said := range map[error]error{
		tenon.ErrUnavailable: away, tenon.ErrConflict: tenon.ErrConflict, context.Canceled: context.Canceled, tenon.ErrDenied: errors.New("not today"),
	} {
		may := func(context.Context, gdpr.Asked) error { return said }
		desk := gdpr.NewDesk(gdpr.NewMemoryStore(nil), &long{}, may, nil)
		_, err := desk.Ask(tenon.WithCaller(t.Context(), tenon.Caller{Actor: "dpo"}), gdpr.Order{
			Kind: gdpr.KindErasure, Subject: tenon.Subject{Tenant: "acme"},
		})
		require.ErrorIs(t, err, want)
		require.ErrorIs(t, err, said)
		if !errors.Is(want, tenon.ErrDenied) {
			require.NotErrorIs(t, err, tenon.ErrDenied)
		}
	}
}
