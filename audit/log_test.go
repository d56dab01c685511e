package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

var caller = tenon.Caller{
	Tenant: "transbot", Actor: "ann@acme.test", OnBehalfOf: "bert", IP: "192.0.2.7", UserAgent: "curl/8", RequestID: "r1", TraceID: "t1",
}

// newLog returns a log over an empty store, with a signer.
func newLog(t *testing.T, opts audit.Options) (*audit.Log, *audit.MemoryStore) {
	t.Helper()
	store := audit.NewMemoryStore()
	if opts.Signer == nil {
		opts.Signer = signer(t, "example.com/audit", 1)
	}
	return audit.NewLog(store, &opts), store
}

func only(t *testing.T, log *audit.Log, q audit.Query) audit.Entry {
	t.Helper()
	found, err := log.List(t.Context(), q)
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

func TestARecordNamesTheCallerAndTheRowsTenant(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	ctx := tenon.WithCaller(t.Context(), caller)
	id, err := log.Record(ctx, audit.Record{Tenant: "acme", Action: "quote.accepted"})
	require.NoError(t, err)
	e := only(t, log, audit.Query{Tenant: "acme"})
	require.Equal(t, id, e.ID)
	require.Equal(t, "ann@acme.test bert 192.0.2.7 curl/8 r1 t1", strings.Join([]string{e.Actor, e.OnBehalfOf, e.IP, e.UserAgent, e.RequestID, e.TraceID}, " "))
	require.Equal(t, audit.Succeeded, e.Outcome)
	require.WithinDuration(t, time.Now(), e.At, time.Minute)
	empty, err := log.List(t.Context(), audit.Query{Tenant: "transbot"})
	require.NoError(t, err)
	require.Empty(t, empty)

	_, err = log.Record(audit.Job(t.Context(), "nightly"), audit.Record{Tenant: "job", Action: "rates.refreshed"})
	require.NoError(t, err)
	require.Equal(t, "job:nightly", only(t, log, audit.Query{Tenant: "job"}).Actor)
	_, err = log.Record(t.Context(), audit.Record{Tenant: "nobody", Action: "rates.refreshed"})
	require.NoError(t, err)
	require.Empty(t, only(t, log, audit.Query{Tenant: "nobody"}).Actor, "an unknown actor is recorded as such")
	_, err = log.Get(t.Context(), audit.Ref{Tenant: "other", ID: id})
	require.ErrorIs(t, err, audit.ErrUnknownRecord)
}

func TestAChangeIsRecordedWithBeforeAfterAndReason(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	at := time.Now().Add(-time.Second)
	err := log.RecordChange(t.Context(), tenon.Change{
		Tenant: "acme", Action: "entitlements.plan_changed", Target: "plan/pro/yearly", Before: json.RawMessage(`{"tier":1}`),
		After: json.RawMessage(`{"tier":2}`), Reason: "signed", At: at,
	})
	require.NoError(t, err)
	e := only(t, log, audit.Query{Tenant: "acme"})
	require.JSONEq(t, `{"before":{"tier":1},"after":{"tier":2},"reason":"signed"}`, string(e.Payload))
	require.Equal(t, []audit.Target{{Type: "plan", ID: "pro/yearly"}}, e.Targets)
	require.Equal(t, tenon.Instant(at), e.At)
}

func TestBadInputIsRefusedByNameAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	good := audit.Record{Tenant: "acme", Action: "a.b"}
	for field, change := range map[string]func(r *audit.Record){
		"payload: longer than": func(r *audit.Record) { r.Payload = json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`) },
		"payload: not valid":   func(r *audit.Record) { r.Payload = json.RawMessage("\"\xff\"") },
		"actor: not valid":     func(r *audit.Record) { r.Actor = "\xff" },
		"user_agent: longer":   func(r *audit.Record) { r.UserAgent = strings.Repeat("x", 2000) },
		"request_id: the":      func(r *audit.Record) { r.RequestID = "a\x00" },
		"tenant: not valid":    func(r *audit.Record) { r.Tenant = "\xc3\x28" },
		"action: required":     func(r *audit.Record) { r.Action = "" },
		"outcome: none":        func(r *audit.Record) { r.Outcome = "maybe" },
		"ip_address: not":      func(r *audit.Record) { r.IP = "localhost" },
		"id: not a UUID in":    func(r *audit.Record) { r.ID = "7" },
		"id: not a UUIDv7 of":  func(r *audit.Record) { r.ID = tenon.NewID(time.Now().Add(-time.Hour)) },
		"targets[0].type: req": func(r *audit.Record) { r.Targets = []audit.Target{{ID: "7"}} },
		"targets[0].type: lon": func(r *audit.Record) { r.Targets = []audit.Target{{Type: strings.Repeat("x", 1025)}} },
		"targets[1].id: not v": func(r *audit.Record) { r.Targets = []audit.Target{{Type: "x"}, {Type: "x", ID: "\xff"}} },
		"targets: more":        func(r *audit.Record) { r.Targets = make([]audit.Target, 101) },
		"key: longer":          func(r *audit.Record) { r.Key = strings.Repeat("k", 256) },
		"at: the year":         func(r *audit.Record) { r.At = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		r := good
		change(&r)
		_, err := log.Record(t.Context(), r)
		require.ErrorContains(t, err, field)
		require.ErrorIs(t, err, tenon.ErrInvalid)
		_, err = log.Enqueue(t.Context(), r)
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
	found, err := log.List(t.Context(), audit.Query{AllTenants: true})
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestValuesWithoutJSONAreNoPayload(t *testing.T) {
	t.Parallel()
	type node struct{ Next *node }
	loop := &node{}
	loop.Next = loop
	circle := map[string]any{}
	circle["self"] = circle
	for _, v := range []any{loop, circle, make(chan int), math.NaN(), func() {}} {
		_, err := audit.JSON(v)
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
	text, err := audit.JSON(map[string]any{"a": "<&>"})
	require.NoError(t, err)
	require.Equal(t, `{"a":"<&>"}`, string(text))
}

func TestADifferenceHasWhatDiffersAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ before, after, want string }{
		{`{"a":1,"b":2}`, `{"a":1.0,"b":3}`, `{"before":{"b":2},"after":{"b":3}}`},
		{`{"a":1}`, `{"a":1,"b":null}`, `{"after":{"b":null}}`},
		{``, `{"a":1}`, `{"after":{"a":1}}`},
		{`{"a":{"x":[1,2]}}`, ``, `{"before":{"a":{"x":[1,2]}}}`},
		{`{"a":{"x":1,"y":2}}`, `{"a":{"y":2,"x":1}}`, `{}`},
	} {
		text := func(s string) json.RawMessage {
			if s == "" {
				return nil
			}
			return json.RawMessage(s)
		}
		got, differs, err := audit.Difference(text(c.before), text(c.after))
		require.NoError(t, err)
		require.JSONEq(t, c.want, string(got))
		require.Equal(t, c.want != `{}`, differs)
	}
	_, _, err := audit.Difference(json.RawMessage(`[]`), nil)
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

func TestPoliciesKeepDigestRedactAndIgnoreFields(t *testing.T) {
	t.Parallel()
	fields := map[string]audit.Policy{
		"iban": audit.Digest, "payload.after.note": audit.Ignore, "payload.*.rate": audit.Redact, "token": audit.Keep, "user_agent": audit.Redact,
		"ip_address": audit.Ignore, "request_id": audit.Digest,
	}
	log, _ := newLog(t, audit.Options{Fields: fields, DigestKey: bytes.Repeat([]byte("k"), 32)})
	record := func(payload string) map[string]any {
		t.Helper()
		id, err := log.Record(tenon.WithCaller(t.Context(), caller), audit.Record{Tenant: "acme", Action: "a.b", Payload: json.RawMessage(payload)})
		require.NoError(t, err)
		e, err := log.Get(t.Context(), audit.Ref{Tenant: "acme", ID: id})
		require.NoError(t, err)
		require.Equal(t, "[redacted]", e.UserAgent)
		require.Empty(t, e.IP)
		require.Regexp(t, `^hmac-sha256:[0-9a-f]{64}$`, e.RequestID)
		var v map[string]any
		require.NoError(t, json.Unmarshal(e.Payload, &v))
		return v
	}
	v := record(`{"before":{"rate":7,"iban":"DE1","note":"x"},"after":{"rate":8,"iban":"DE1","note":"y","deep":[{"IBAN":"DE2","Pass\u0077ord":"p"}]},"Password":"p","token":"t","api_key":{"a":1},"secret":null}`)
	before, after := v["before"].(map[string]any), v["after"].(map[string]any)
	require.Equal(t, before["iban"], after["iban"], "equal values have equal digests")
	deep := after["deep"].([]any)[0].(map[string]any)
	require.NotEqual(t, before["iban"], deep["IBAN"])
	require.Equal(t, map[string]any{"rate": "[redacted]", "note": "x", "iban": before["iban"]}, before)
	require.NotContains(t, after, "note")
	require.Equal(t, "[redacted]", deep["Password"])
	require.Equal(t, []any{"[redacted]", "t", "[redacted]", nil}, []any{v["Password"], v["token"], v["api_key"], v["secret"]})

	bare, _ := newLog(t, audit.Options{Fields: map[string]audit.Policy{"iban": audit.Digest}})
	_, err := bare.Record(t.Context(), audit.Record{Action: "a.b", Payload: json.RawMessage(`{"iban":"DE1"}`)})
	require.ErrorContains(t, err, "DigestKey")
	_, err = bare.Record(t.Context(), audit.Record{Action: "a.b", Payload: json.RawMessage(`{"password":"x","password":"y"}`)})
	require.ErrorContains(t, err, "occurs twice")
}

func TestViewersReadOneTenantUntilTheyExpire(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	var ids []string
	for _, tenant := range []string{"acme", "other"} {
		id, err := log.Record(t.Context(), audit.Record{Tenant: tenant, Action: "a.b"})
		require.NoError(t, err)
		ids = append(ids, id)
	}
	viewers, err := audit.NewViewers(bytes.Repeat([]byte("s"), 32))
	require.NoError(t, err)
	now := time.Now()
	token, err := viewers.Issue(audit.Viewer{Tenant: "acme", Name: "auditor", Expires: now.Add(time.Hour)})
	require.NoError(t, err)
	v, err := viewers.Parse(token, now)
	require.NoError(t, err)
	r := log.Reader(v)
	for _, q := range []audit.Query{{}, {Tenant: "other"}, {AllTenants: true}} {
		found, err := r.List(t.Context(), q)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, "acme", found[0].Tenant)
	}
	_, err = r.Get(t.Context(), ids[1])
	require.ErrorIs(t, err, audit.ErrUnknownRecord)
	_, err = r.ProveInclusion(t.Context(), ids[1])
	require.ErrorIs(t, err, audit.ErrUnknownRecord)
	var b bytes.Buffer
	s, err := r.Export(t.Context(), &b, audit.ExportOptions{Query: audit.Query{AllTenants: true}})
	require.NoError(t, err)
	require.EqualValues(t, 2, s.Records, "the record of the export is one")
	require.Equal(t, "viewer:auditor", s.By)
	_, err = log.Reader(audit.Viewer{}).List(t.Context(), audit.Query{})
	require.ErrorIs(t, err, tenon.ErrDenied)

	other, err := audit.NewViewers(bytes.Repeat([]byte("t"), 32))
	require.NoError(t, err)
	_, err = other.Parse(token, now)
	require.ErrorIs(t, err, tenon.ErrDenied)
	_, err = viewers.Parse(token, now.Add(time.Hour))
	require.ErrorIs(t, err, tenon.ErrDenied)
	for i := range token {
		_, err := viewers.Parse(token[:i]+string(rune(token[i]^1))+token[i+1:], now)
		require.ErrorIs(t, err, tenon.ErrDenied, "byte %d", i)
	}
	_, err = audit.NewViewers(nil)
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

func TestViewersNeverShowTheirSecret(t *testing.T) {
	t.Parallel()
	viewers, err := audit.NewViewers(bytes.Repeat([]byte("s3"), 32))
	require.NoError(t, err)
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("made", "viewers", viewers)
	require.Contains(t, logged.String(), `"viewers":"audit.Viewers"`)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		require.Equal(t, "audit.Viewers", fmt.Sprintf(verb, viewers), verb)
	}
}

func TestAFileAnchorKeepsWhatACrashLeftWhole(t *testing.T) {
	t.Parallel()
	s := signer(t, "example.com/audit", 1)
	path := t.TempDir() + "/anchors/log"
	a := audit.NewFileAnchor(path)
	none, err := a.Checkpoints(s.Verifier())
	require.NoError(t, err)
	require.Empty(t, none)
	var want []audit.Checkpoint
	for size := range int64(3) {
		c := s.Checkpoint(size, audit.Hash{byte(size)}, time.Now())
		require.NoError(t, a.Anchor(t.Context(), c))
		want = append(want, c)
	}
	got, err := a.Checkpoints(s.Verifier())
	require.NoError(t, err)
	require.Equal(t, want, got)
	whole := readFile(t, path)
	for cut := 0; cut < len(whole); cut += 5 {
		torn := t.TempDir() + "/log"
		writeFile(t, torn, whole[:cut])
		b := audit.NewFileAnchor(torn)
		require.NoError(t, b.Anchor(t.Context(), want[0]))
		got, err := b.Checkpoints(s.Verifier())
		require.NoError(t, err, "cut at %d", cut)
		require.Equal(t, want[0], got[len(got)-1])
	}
	_, err = a.Checkpoints(signer(t, "example.com/audit", 2).Verifier())
	require.ErrorIs(t, err, audit.ErrTampered)
}

func TestSinksAreToldOfEverySealedRecord(t *testing.T) {
	t.Parallel()
	var got []string
	broken := errors.New("broken")
	fail := true
	sink := audit.SinkFunc(func(_ context.Context, entries []audit.Entry) error {
		if fail = !fail; !fail {
			return broken
		}
		for _, e := range entries {
			got = append(got, e.ID)
		}
		return nil
	})
	var anchored []audit.Checkpoint
	anchor := audit.AnchorFunc(func(_ context.Context, c audit.Checkpoint) error { anchored = append(anchored, c); return nil })
	log, _ := newLog(t, audit.Options{Sinks: map[string]audit.Sink{"siem": sink}, Anchors: map[string]audit.Anchor{"a": anchor}, SealEvery: time.Millisecond})
	var want []string
	for range 1100 {
		id, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b"})
		require.NoError(t, err)
		want = append(want, id)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	require.Eventually(t, func() bool { s := log.Stats(); return s.Told == 1100 && s.Anchored == 1100 }, 30*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	require.Equal(t, want, got)
	require.EqualValues(t, 1100, anchored[0].Size)
	require.EqualValues(t, 1100, log.Stats().Sealed)
}
