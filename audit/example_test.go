package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

// newSigner stands for one whose seed is kept as a secret.
func newSigner() *audit.Signer {
	s, err := audit.NewSigner("transbot.example/audit", bytes.Repeat([]byte{1}, 32))
	if err != nil {
		log.Fatal(err)
	}
	return s
}

func ExampleNewLog() {
	ctx := tenon.WithCaller(context.Background(), tenon.Caller{Actor: "ann@acme.test", IP: "192.0.2.7"})
	trail := audit.NewLog(audit.NewMemoryStore(), nil)
	_, err := trail.Record(ctx, audit.Record{
		Tenant: "acme", Action: "quote.accepted", Targets: []audit.Target{{Type: "quote", ID: "q7"}}, Payload: json.RawMessage(`{"rate":1200}`),
	})
	if err != nil {
		log.Fatal(err)
	}
	found, err := trail.List(ctx, audit.Query{Tenant: "acme", Actor: "ann@acme.test"})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range found {
		fmt.Println(e.Actor, e.Action, e.Targets[0].ID, string(e.Payload))
	}
	// Output: ann@acme.test quote.accepted q7 {"rate":1200}
}

func ExampleLog_RecordChange() {
	ctx := tenon.WithCaller(context.Background(), tenon.Caller{Actor: "staff:bo"})
	trail := audit.NewLog(audit.NewMemoryStore(), nil)
	err := trail.RecordChange(ctx, tenon.Change{
		Tenant: "acme", Action: "entitlements.plan_changed", Target: "plan/pro", After: json.RawMessage(`{"plan":"pro"}`), Reason: "signed",
	})
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range trail.All(ctx, audit.Query{Tenant: "acme"}) {
		fmt.Println(e.Actor, e.Targets, string(e.Payload), err)
	}
	// Output: staff:bo [{plan pro}] {"after":{"plan":"pro"},"reason":"signed"} <nil>
}

func ExampleLog_Enqueue() {
	ctx := audit.Job(context.Background(), "import")
	trail := audit.NewLog(audit.NewMemoryStore(), &audit.Options{Queue: 100, OnFull: audit.Refuse})
	for n := range 3 {
		if _, err := trail.Enqueue(ctx, audit.Record{Tenant: "acme", Action: "lane.imported", Targets: []audit.Target{{Type: "lane", ID: fmt.Sprint(n)}}}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(trail.Stats().Queued, "queued")
	if err := trail.Flush(ctx); err != nil { // Run does it within Options.Linger
		log.Fatal(err)
	}
	fmt.Println(trail.Stats().Recorded, "stored")
	// Output:
	// 3 queued
	// 3 stored
}

func ExampleLog_Verify() {
	ctx := context.Background()
	var safe []audit.Checkpoint // elsewhere: a file, a webhook, another database
	trail := audit.NewLog(audit.NewMemoryStore(), &audit.Options{Signer: newSigner(), Anchors: map[string]audit.Anchor{
		"elsewhere": audit.AnchorFunc(func(_ context.Context, c audit.Checkpoint) error { safe = append(safe, c); return nil }),
	}})
	for range 5 {
		if _, err := trail.Record(ctx, audit.Record{Tenant: "acme", Action: "quote.accepted"}); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := trail.Checkpoint(ctx); err != nil { // Run makes one each Options.CheckpointEvery
		log.Fatal(err)
	}
	report, err := trail.Verify(ctx, safe...)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.OK(), report.Checked)
	// Output: true 5
}

func ExampleVerifyExport() {
	ctx := context.Background()
	trail := audit.NewLog(audit.NewMemoryStore(), &audit.Options{Signer: newSigner()})
	if _, err := trail.Record(ctx, audit.Record{Tenant: "acme", Action: "quote.accepted", Actor: "ann"}); err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := trail.Export(ctx, &file, audit.ExportOptions{Query: audit.Query{Tenant: "acme"}}); err != nil {
		log.Fatal(err)
	}

	// Somewhere else, with the file and the public key alone:
	key, err := audit.ParseVerifier(newSigner().Verifier().String())
	if err != nil {
		log.Fatal(err)
	}
	summary, err := audit.VerifyExport(bytes.NewReader(file.Bytes()), key)
	fmt.Println(summary.Origin, summary.Records, err)
	forged := bytes.Replace(file.Bytes(), []byte("quote.accepted"), []byte("quote.rejected"), 1)
	_, err = audit.VerifyExport(bytes.NewReader(forged), key)
	fmt.Println(err != nil)
	// Output:
	// transbot.example/audit 2 <nil>
	// true
}

func ExampleLog_Erase() {
	ctx := tenon.WithCaller(context.Background(), tenon.Caller{Actor: "ann@acme.test"})
	trail := audit.NewLog(audit.NewMemoryStore(), &audit.Options{Signer: newSigner()})
	id, err := trail.Record(ctx, audit.Record{Tenant: "acme", Action: "quote.accepted"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := trail.Checkpoint(ctx); err != nil {
		log.Fatal(err)
	}
	erased, err := trail.Erase(context.Background(), tenon.Subject{Tenant: "acme", User: "ann@acme.test"})
	if err != nil {
		log.Fatal(err)
	}
	ref := audit.Ref{Tenant: "acme", ID: id}
	e, err := trail.Get(ctx, ref)
	if err != nil {
		log.Fatal(err)
	}
	proof, err := trail.ProveInclusion(ctx, ref)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d erased, actor %q, proof: %v\n", erased["tenon.audit_log"], e.Actor, proof.Check(&e, newSigner().Verifier()))
	// Output: 1 erased, actor "", proof: <nil>
}

func ExampleViewers() {
	trail := audit.NewLog(audit.NewMemoryStore(), nil)
	for _, tenant := range []string{"acme", "other"} {
		if _, err := trail.Record(context.Background(), audit.Record{Tenant: tenant, Action: "quote.accepted"}); err != nil {
			log.Fatal(err)
		}
	}
	viewers, err := audit.NewViewers(bytes.Repeat([]byte("s"), 32))
	if err != nil {
		log.Fatal(err)
	}
	token, err := viewers.Issue(audit.Viewer{Tenant: "acme", Name: "auditor", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		log.Fatal(err)
	}
	viewer, err := viewers.Parse(token, time.Now())
	if err != nil {
		log.Fatal(err)
	}
	found, err := trail.Reader(viewer).List(context.Background(), audit.Query{AllTenants: true})
	fmt.Println(len(found), found[0].Tenant, err)
	// Output: 1 acme <nil>
}
