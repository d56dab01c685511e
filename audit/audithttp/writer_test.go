package audithttp_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/audithttp"
)

// recorded serves a handler behind the middleware over a real connection, sends it a request, and returns the answer and
// what was recorded.
func recorded(t *testing.T, h http.HandlerFunc) (status int, body string, r audit.Record) {
	t.Helper()
	log := newLog(t)
	server := httptest.NewServer(audithttp.Record(log, nil)(h))
	t.Cleanup(server.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, nil)
	require.NoError(t, err)
	answer, err := server.Client().Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Eventually(t, func() bool { // it is recorded when it has been answered
		found, err := log.List(t.Context(), audit.Query{})
		if err == nil && len(found) == 1 {
			r = found[0].Record
		}
		return err == nil && len(found) == 1
	}, time.Minute, time.Millisecond)
	return answer.StatusCode, string(text), r
}

func TestAFileIsSentByTheConnectionItself(t *testing.T) {
	t.Parallel()
	status, body, r := recorded(t, func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
			panic(err)
		}
		if n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("a file")); n != 6 || err != nil {
			panic(err)
		}
	})
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "a file", body)
	require.Equal(t, audit.Succeeded, r.Outcome)
}

func TestAFileThatCannotBeReadIsNotTakenForAnAnswer(t *testing.T) {
	t.Parallel()
	status, _, r := recorded(t, func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.Copy(w, iotest.ErrReader(errors.New("broken"))); err != nil {
			http.Error(w, "broken", http.StatusBadGateway)
		}
	})
	require.Equal(t, http.StatusBadGateway, status)
	require.Equal(t, audit.Failed, r.Outcome)
	require.Equal(t, "502", member(t, r.Payload, "status"))
}

func TestAConnectionThatWasTakenOverIsRecordedAsSwitched(t *testing.T) {
	t.Parallel()
	status, _, r := recorded(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		_ = buffered.Flush()
	})
	require.Equal(t, http.StatusSwitchingProtocols, status)
	require.Equal(t, audit.Succeeded, r.Outcome)
	require.Equal(t, "101", member(t, r.Payload, "status"))
}
