package ratelimithttp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimithttp"
)

func ExampleMiddleware() {
	lim, err := ratelimit.NewLimiter(nil, ratelimit.PerHour(1))
	if err != nil {
		panic(err)
	}
	key := func(*http.Request) (ratelimit.Key, error) { // by the API key that authentication has found
		return ratelimit.Key{Tenant: "acme", Name: "key-1"}, nil
	}
	h := ratelimithttp.Middleware(lim, key, nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for range 2 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/api/quotes", nil))
		fmt.Println(w.Code, w.Header().Get("RateLimit-Policy"), w.Header().Get("Retry-After") != "")
	}
	// Output:
	// 200 "1/1h0m0s";q=1;w=3600 false
	// 429 "1/1h0m0s";q=1;w=3600 true
}

func ExampleByIP() {
	key := ratelimithttp.ByIP(netip.MustParsePrefix("10.0.0.0/8")) // where the load balancers are
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "10.0.0.1:40000"
	r.Header.Set("X-Forwarded-For", "8.8.8.8, 203.0.113.7") // the client wrote the first
	k, err := key(r)
	fmt.Println(k.Name, err)
	// Output: 203.0.113.7 <nil>
}
