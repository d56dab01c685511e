package audithttp_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/audithttp"
)

const hookSecret = "a secret of the receiver's"

func TestAWebhookPostsSignedCheckpointsAndRecords(t *testing.T) {
	t.Parallel()
	bodies := make(chan string, 2)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		at, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get(audithttp.SignatureHeader), "t="), ",")
		mac := hmac.New(sha256.New, []byte(hookSecret))
		fmt.Fprintf(mac, "%s.%s", at, body)
		if r.Header.Get(audithttp.SignatureHeader) != "t="+at+",v1="+hex.EncodeToString(mac.Sum(nil)) {
			body = []byte("wrong signature")
		}
		bodies <- string(body)
	}))
	t.Cleanup(server.Close)
	hook, err := audithttp.NewWebhook(server.URL+"/in?token=t0ken", tenon.NewSecret(hookSecret), nil)
	require.NoError(t, err)
	c := newSigner(t).Checkpoint(0, audit.EmptyRoot(), testTime)
	require.NoError(t, hook.Anchor(t.Context(), c))
	require.Equal(t, string(c.Note), <-bodies)
	e := audit.Entry{Record: audit.Record{ID: tenon.NewID(testTime), Action: "x"}, Seed: make([]byte, audit.SeedSize)}
	require.NoError(t, hook.Deliver(t.Context(), []audit.Entry{e, e}))
	body := <-bodies
	require.Equal(t, 2, strings.Count(body, "\n"))
	require.NotContains(t, body, "seed")
}

func TestAReceiverThatDoesNotTakeItIsAnErrorWithoutTheAddress(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusFound, http.StatusBadRequest, http.StatusInternalServerError} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://elsewhere.example.com")
			w.WriteHeader(status)
		}))
		hook, err := audithttp.NewWebhook(server.URL+"/t0ken", tenon.NewSecret(hookSecret), &audithttp.WebhookOptions{Client: server.Client()})
		require.NoError(t, err)
		err = hook.Deliver(t.Context(), nil)
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		require.NotContains(t, err.Error(), "t0ken")
		server.Close()
		err = hook.Anchor(t.Context(), audit.Checkpoint{})
		require.ErrorIs(t, err, tenon.ErrUnavailable)
		require.NotContains(t, err.Error()+fmt.Sprintf("%v %+v %#v %s", hook, hook, hook, hook), "t0ken")
		require.NotContains(t, fmt.Sprintf("%v %+v %#v %s %x", hook, hook, hook, hook, hook), hookSecret)
		var logged bytes.Buffer
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("made", "hook", hook)
		require.Contains(t, logged.String(), `"hook":"webhook to 127.0.0.1:`)
		require.NotContains(t, logged.String(), "t0ken")
	}
}

func TestBadWebhooksAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{{"ftp://x", hookSecret}, {"://", hookSecret}, {"https://", hookSecret}, {"https://x", "short"}} {
		_, err := audithttp.NewWebhook(c[0], tenon.NewSecret(c[1]), nil)
		require.ErrorIs(t, err, tenon.ErrInvalid, c)
	}
}
