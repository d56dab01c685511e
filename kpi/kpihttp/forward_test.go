package kpihttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpihttp"
)

func TestAnEventIsForwardedAsSegmentTakesIt(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _, _ := r.BasicAuth()
		body, _ := io.ReadAll(r.Body)
		got <- user + " " + string(body)
		w.WriteHeader(status)
	}))
	defer server.Close()
	n, err := kpi.Forward(&kpi.Event{Tenant: "acme", Name: "quote_sent", ID: "018f", Properties: map[string]any{"recipients": 1}})
	require.NoError(t, err)
	f := kpihttp.NewForwarder(server.URL, tenon.NewSecret("wk"), nil)
	require.NoError(t, f.Notify(t.Context(), n))
	require.Equal(t, "wk "+n.Text, <-got)
	status = http.StatusFound
	require.ErrorIs(t, f.Notify(t.Context(), n), tenon.ErrUnavailable)
	<-got
	require.ErrorIs(t, f.Notify(t.Context(), tenon.Notification{Kind: "other"}), tenon.ErrInvalid)
	server.Close()
	require.ErrorIs(t, f.Notify(t.Context(), n), tenon.ErrUnavailable)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", tenon.NewSecret("wk"), tenon.NewSecret("wk"), tenon.NewSecret("wk")), "wk")
}

func TestAForwarderFollowsNobodyElsewhere(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the write key went elsewhere")
	}))
	defer elsewhere.Close()
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, status))
		defer server.Close()
		err := kpihttp.NewForwarder(server.URL, tenon.NewSecret("wk"), nil).Notify(t.Context(), tenon.Notification{Kind: kpi.ForwardKind})
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		require.ErrorContains(t, err, fmt.Sprint(status))
	}
}

func TestAForwarderWithoutAnAddressIsWrong(t *testing.T) {
	t.Parallel()
	err := kpihttp.NewForwarder("://", tenon.NewSecret("wk"), nil).Notify(t.Context(), tenon.Notification{Kind: kpi.ForwardKind})
	var wrong *tenon.FieldError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "url", wrong.Field)
}
