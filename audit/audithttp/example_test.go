package audithttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/audithttp"
)

var testTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ExampleRecord() {
	log := audit.NewLog(audit.NewMemoryStore(), nil)
	recorded := audithttp.Record(log, &audithttp.RecordOptions{Fields: []string{"reason"}})
	mux := http.NewServeMux()
	mux.Handle("POST /orders/{id}/cancel", recorded(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
	})))

	ctx := tenon.WithCaller(context.Background(), tenon.Caller{Tenant: "acme", Actor: "ann"}) // as authentication does
	r := httptest.NewRequestWithContext(ctx, "POST", "/orders/7/cancel", strings.NewReader("reason=too+late"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	mux.ServeHTTP(httptest.NewRecorder(), r)

	entries, _ := log.List(context.Background(), audit.Query{Tenant: "acme"})
	fmt.Println(entries[0].Actor, entries[0].Action, entries[0].Outcome)
	fmt.Println(string(entries[0].Payload))
	// Output:
	// ann POST /orders/{id}/cancel succeeded
	// {"method":"POST","route":"POST /orders/{id}/cancel","status":200,"body":{"reason":"too late"}}
}

func ExampleHandler() {
	log := audit.NewLog(audit.NewMemoryStore(), nil)
	_, _ = log.Record(context.Background(), audit.Record{Tenant: "acme", Actor: "ann", Action: "quote.sent"})
	viewers, _ := audit.NewViewers([]byte(strings.Repeat("k", 32)))
	token, _ := viewers.Issue(audit.Viewer{Tenant: "acme", Name: "auditor", Expires: time.Now().Add(time.Hour)})

	r := httptest.NewRequest("GET", "/records?action=quote.*", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	audithttp.Handler(log, audithttp.Tokens(viewers), nil).ServeHTTP(w, r)
	fmt.Println(w.Code, strings.Contains(w.Body.String(), `"actor":"ann"`))
	// Output: 200 true
}
