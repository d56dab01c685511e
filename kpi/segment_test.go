package kpi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
)

func TestAnEventLeavesInSegmentsShape(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	e := kpi.Event{
		Tenant: "acme", User: "ann", Name: "quote_sent", ID: "018f", At: at, ReceivedAt: at,
		Properties: map[string]any{"recipients": 3, "email": "ann@acme.test"},
	}
	text, err := kpi.Segment(&e, "email")
	require.NoError(t, err)
	require.JSONEq(t, `{"type": "track", "messageId": "018f", "event": "quote_sent", "userId": "ann",
		"timestamp": "2026-03-10T12:00:00Z", "context": {"groupId": "acme"}, "properties": {"recipients": 3}}`, string(text))
	e.User = ""
	text, err = kpi.Segment(&e)
	require.NoError(t, err)
	require.Contains(t, string(text), `"anonymousId":"acme"`)
}

func TestJSONLWritesALineForEachEvent(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	out := kpi.JSONL(&b)
	for _, name := range []string{"first", "second\nline"} {
		n, err := kpi.Forward(&kpi.Event{Tenant: "acme", Name: name, ID: name})
		require.NoError(t, err)
		require.NoError(t, out.Notify(t.Context(), n))
	}
	require.Equal(t, 2, strings.Count(b.String(), "\n"))
	require.ErrorIs(t, out.Notify(t.Context(), tenon.Notification{Kind: "kpi.goal_missed"}), tenon.ErrInvalid)
}
