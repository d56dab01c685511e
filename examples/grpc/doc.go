// Package grpc shows how a ratelimit.Limiter stands in front of a gRPC server: an interceptor that answers
// RESOURCE_EXHAUSTED and says when to try again.
package grpc
