package slohttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slohttp"
)

func ExampleRecord() {
	ctx, store := context.Background(), slo.NewMemoryStore(nil)
	uptime := slo.Objective{
		Key: slo.Key{Name: "uptime"}, Kind: slo.Ratio, Target: 999_000, Window: slo.Window{Length: 24 * time.Hour},
	}
	board := slo.NewBoard(store, nil)
	if _, err := board.Define(ctx, uptime); err != nil {
		fmt.Println(err)
	}
	rec, err := slo.NewRecorder(store, []slo.Objective{uptime}, nil)
	if err != nil {
		fmt.Println(err)
	}
	rec.Tick(time.Now()) // in a service, rec.Run does, and flushes
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	h := slohttp.Record(mux, slohttp.To(rec))
	for range 3 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/hello", nil))
	}
	if err := rec.Flush(ctx); err != nil {
		fmt.Println(err)
	}
	r, err := board.Current(ctx)
	fmt.Println(r.Statuses[0].Count.Good, "of", r.Statuses[0].Count.Valid, err)
	// Output: 3 of 3 <nil>
}

func ExampleNamed() {
	ctx := context.Background()
	board := slo.NewBoard(slo.NewMemoryStore(nil), nil)
	_, err := board.Define(ctx, slo.Objective{
		Key: slo.Key{Name: "agent_success_rate"}, Kind: slo.Ratio, Target: 980_000, Window: slo.Window{Length: time.Hour},
	})
	w := httptest.NewRecorder()
	h := slohttp.Named(board, map[string]string{"agentSuccess": "agent_success_rate"}, nil)
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/slo/current", nil))
	fmt.Println(w.Code, err, w.Body.String()[:70])
	// Output: 200 <nil> {"agentSuccess":{"name":"agent_success_rate","kind":"ratio","target":0
}
