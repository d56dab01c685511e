package grpc

import (
	"context"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/transbotai/tenon/ratelimit"
)

// KeyFunc returns the key under which a call counts, by what the server's authentication has put into ctx.
type KeyFunc func(ctx context.Context) (ratelimit.Key, error)

// Limit returns an interceptor that lets a server's calls through as lim says. A call that is refused gets
// RESOURCE_EXHAUSTED with a RetryInfo, or UNAVAILABLE when the limiter's store could not be asked.
func Limit(lim *ratelimit.Limiter, key KeyFunc) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		k, err := key(ctx)
		if err != nil {
			return nil, status.Error(codes.Unauthenticated, "who are you?")
		}
		d, err := lim.Take(ctx, k, 1)
		switch {
		case err != nil:
			return nil, status.FromContextError(err).Err()
		case !d.Allowed:
			return nil, refusal(d)
		}
		defer func() { _ = lim.Release(context.WithoutCancel(ctx), k, d) }()
		return next(ctx, req)
	}
}

func refusal(d ratelimit.Decision) error {
	code := codes.ResourceExhausted
	if d.Reason == ratelimit.ReasonAway {
		code = codes.Unavailable
	}
	s := status.New(code, "rate limit "+d.Policy)
	if d.RetryAfter > 0 {
		if told, err := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(d.RetryAfter)}); err == nil {
			s = told
		}
	}
	return s.Err()
}
