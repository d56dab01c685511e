package grpc_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	limited "github.com/transbotai/tenon/examples/grpc"
	"github.com/transbotai/tenon/ratelimit"
)

func apiKey(ctx context.Context) (ratelimit.Key, error) {
	if keys := metadata.ValueFromIncomingContext(ctx, "api-key"); len(keys) == 1 {
		return ratelimit.Key{Tenant: "acme", Name: keys[0]}, nil
	}
	return ratelimit.Key{}, errors.New("no key")
}

// dial starts a server with one service, and returns a client of it.
func dial(t *testing.T, lim *ratelimit.Limiter) grpc_health_v1.HealthClient {
	t.Helper()
	listener := bufconn.Listen(1 << 16)
	server := grpc.NewServer(grpc.UnaryInterceptor(limited.Limit(lim, apiKey)))
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///server",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		server.Stop()
		require.NoError(t, <-done)
	})
	return grpc_health_v1.NewHealthClient(conn)
}

func TestACallBeyondTheLimitIsToldWhenToTryAgain(t *testing.T) {
	t.Parallel()
	lim, err := ratelimit.NewLimiter(nil, ratelimit.PerHour(2), ratelimit.InFlight(1, time.Hour))
	require.NoError(t, err)
	client := dial(t, lim)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "api-key", "key-1")
	for range 2 {
		_, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		require.NoError(t, err)
	}
	_, err = client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	s := status.Convert(err)
	require.Equal(t, codes.ResourceExhausted, s.Code())
	require.Equal(t, "rate limit 2/1h0m0s", s.Message())
	require.Len(t, s.Details(), 1)
	retry, ok := s.Details()[0].(*errdetails.RetryInfo)
	require.True(t, ok)
	require.Greater(t, retry.GetRetryDelay().AsDuration(), 59*time.Minute)

	other := metadata.AppendToOutgoingContext(t.Context(), "api-key", "key-2")
	_, err = client.Check(other, &grpc_health_v1.HealthCheckRequest{})
	require.NoError(t, err)
	_, err = client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	require.Equal(t, codes.Unauthenticated, status.Code(err))
}
