package main

import (
	"bytes"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/examples/load/internal/agree"
	"github.com/transbotai/tenon/examples/load/internal/house"
	"github.com/transbotai/tenon/examples/load/internal/traffic"
)

// raced asks for a transbot that watches for data races when the test does.
func raced() []string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, s := range info.Settings {
			if s.Key == "-race" && s.Value == "true" {
				return []string{"-race"}
			}
		}
	}
	return nil
}

// small is a load that takes seconds.
func small() config {
	return config{
		tenants: 20, requests: 600, callers: 8, instances: 1, length: time.Minute, patience: time.Minute, agree: 4 * time.Minute, seed: 1,
		build: raced(),
	}
}

// syncBuffer is a buffer for several writers.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// meddling is what somebody does to the database, and the comparison that shows it.
var meddling = []struct{ what, sql, shown string }{
	{"a_counter", "update tenon.usage_counters set used = used + 1 where feature_key = 'rates'", "rates used = a quote each"},
	{
		"a_quote", "update public.quotes set status = 'booked' where id = (select id from public.quotes where status = 'created' limit 1)",
		"their progress = steps that were answered",
	},
	{"an_event", "delete from tenon.events where event_name = 'quote_created'", "events quote_created"},
	{"a_timer", "delete from tenon.timers where kind = 'support.ticket'", "tickets with timers"},
	{"a_notification", "delete from tenon.notifications where kind = 'entitlements.threshold'", "soft limits that on-call heard of"},
	{"a_request", "delete from public.api_requests", "requests answered without an error of ours"},
}

func TestAnswersAndDatabaseAgree(t *testing.T) {
	t.Parallel()
	var out, log syncBuffer
	platform, err := house.Open(t.Context(), house.Options{Build: raced(), Log: &log})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, platform.Close()) })
	pool, err := pgxpool.New(t.Context(), platform.Postgres.URL("postgres"))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	c := small()
	c.urls = platform.Addresses()
	s := &session{config: c, pool: pool, platform: platform, out: &out}
	book, err := s.fill(t.Context())
	require.NoError(t, err, "%s\n%s", &out, &log)
	require.NoError(t, s.compare(t.Context(), book), "%s\n%s", &out, &log)
	require.NotContains(t, log.String(), "DATA RACE")

	for _, m := range meddling {
		t.Run("unless_somebody_meddles_with_"+m.what, func(t *testing.T) {
			_, err := pool.Exec(t.Context(), m.sql)
			require.NoError(t, err)
			lines, err := book.Compare(t.Context())
			require.NoError(t, err)
			i := slices.IndexFunc(lines, func(l agree.Line) bool { return l.What == m.shown })
			require.False(t, lines[i].OK(), lines[i])
		})
	}
	s.agree = 0
	require.ErrorIs(t, s.compare(t.Context(), book), errDisagree)
	require.Contains(t, out.String(), "\n! ")
}

func TestSoak(t *testing.T) {
	t.Parallel()
	c := small()
	c.requests, c.instances, c.faults = 0, 4, true
	c.length, c.rate, c.callers, c.patience = 8*time.Second, 60, 16, 5*time.Second
	if os.Getenv("TENON_SOAK") != "" {
		c.tenants, c.length, c.rate = 200, 10*time.Minute, 400
	}
	var out, log syncBuffer
	require.NoError(t, run(t.Context(), c, &out, &log), "%s\n%s", &out, &log)
	require.NotContains(t, log.String(), "DATA RACE")
}

func TestOtherMachinesAreNotAsked(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"http://example.com", "http://10.0.0.1:8080", "https://127.0.0.1", "http://127.0.0.1.example.com", "ftp://localhost",
	} {
		_, err := traffic.New(nil, traffic.Options{Houses: []string{url}})
		require.Error(t, err, url)
	}
	_, err := traffic.New(nil, traffic.Options{Houses: []string{"http://[::1]:1", "http://localhost:1", "http://127.0.0.1:1"}})
	require.NoError(t, err)
}

func TestBadArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"now"},
		{"-tenants", "0"},
		{"-for", "0s"},
		{"-rate", "-1"},
		{"-url", "http://127.0.0.1:8080"},
		{"-database", "postgres:///x"},
		{"-url", "http://127.0.0.1:8080", "-database", "postgres:///x", "-faults"},
		{"-unheard-of"},
	} {
		_, err := readConfig(args, io.Discard)
		require.Error(t, err, args)
	}
}
