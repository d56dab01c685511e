package kpihttp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpihttp"
)

func ExampleEvents() {
	tracker := kpi.NewTracker(kpi.NewMemoryStore(nil), nil)
	keys := kpihttp.Keys(map[string]kpihttp.Source{"wk_acme": {Tenant: "acme"}})
	mux := http.NewServeMux()
	mux.Handle("POST /api/events", kpihttp.Events(tracker, keys, nil))

	body := `{"events": [{"event": "quote_sent", "id": "q1/sent", "properties": {"recipients": 3}}]}`
	for range 2 {
		r := httptest.NewRequest("POST", "/api/events", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer wk_acme")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, strings.Contains(w.Body.String(), `"duplicate"`))
	}
	// Output:
	// 202 false
	// 202 true
}

func ExampleFigures() {
	board := kpi.NewBoard(kpi.NewMemoryStore(nil), nil)
	reader := func(r *http.Request) (kpihttp.Reader, error) { return kpihttp.Reader{Tenant: "acme"}, nil } // the host's sign-in
	mux := http.NewServeMux()
	mux.Handle("/kpi/", http.StripPrefix("/kpi", kpihttp.Figures(board, reader, nil)))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/kpi/quote_book?zone=Europe/Berlin&last=7", nil))
	fmt.Println(w.Code, "nobody has defined it")
	// Output: 404 nobody has defined it
}
