// Package ratelimithttp puts a [ratelimit.Limiter] in front of HTTP handlers.
//
//	lim, err := ratelimit.NewLimiter(nil, ratelimit.PerMinute(120))
//	…
//	key := func(r *http.Request) (ratelimit.Key, error) { return apiKeyOf(r) }
//	mux.Handle("/api/", ratelimithttp.Middleware(lim, key, nil)(api))
//
// The key function is required: who is limited is the host's to say. [ByIP] limits by address. It believes
// X-Forwarded-For only where it was written by a proxy that the host trusts, since anybody can send that field.
//
// Each answer carries RateLimit-Policy, what the key may take, and RateLimit, how it stands
// (draft-ietf-httpapi-ratelimit-headers-11; the names stand in fields.go). A request that is refused is answered 429
// with a problem document (RFC 9457) of the type urn:tenon:problem:rate-limited, and with Retry-After, in whole
// seconds rounded up, wherever it is known: a client that waits so long gets through if nobody else comes with its
// key.
//
// What is in flight (ratelimit.InFlight) is given back when the handler returns.
//
// # Failure
//
// While the store is away the limits' Away policies answer: a request that they refuse gets 503 and Retry-After,
// since it is not the client's fault. A key function's error gives the status of its class: 400, 403, 404, 409 or
// 503, else 500.
package ratelimithttp
