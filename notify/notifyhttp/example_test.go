package notifyhttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify/notifyhttp"
)

func ExampleNew() {
	key := tenon.NewSecret("shared by both")
	verifier := &notifyhttp.Verifier{Secrets: []tenon.Secret{key}}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := verifier.Read(w, r)
		if err != nil {
			http.Error(w, "not genuine", http.StatusForbidden)
			return
		}
		fmt.Println("received:", n.Title)
	}))
	defer receiver.Close()

	hook, err := notifyhttp.New(receiver.URL, key, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = hook.Notify(context.Background(), tenon.Notification{
		Key: "k", Kind: "slo.frozen", Severity: tenon.SeverityCritical, Title: "Releases are frozen",
	})
	fmt.Println(err, key)
	// Output:
	// received: Releases are frozen
	// <nil> [hidden]
}

func ExampleSlack() {
	body, err := notifyhttp.Slack(tenon.Notification{
		Severity: tenon.SeverityCritical, Title: "Releases are frozen", Data: map[string]string{"objective": "uptime"},
	})
	fmt.Println(string(body), err)
	// Output: {"text":":rotating_light: *Releases are frozen*\n• objective: uptime"} <nil>
}
