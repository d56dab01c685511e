package audit_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit"
)

func entry(payload string) *audit.Entry {
	return &audit.Entry{
		Record: audit.Record{
			ID: "019ca945-0a7b-7000-8000-000000000001", Tenant: "acme", At: time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC),
			Actor: "anna@example.com", OnBehalfOf: "bert", Action: "quote.accepted",
			Targets: []audit.Target{{Type: "quote", ID: "q1"}, {Type: "lane", ID: "l7"}}, Outcome: audit.Succeeded,
			Payload: json.RawMessage(payload), IP: "192.0.2.7", UserAgent: "curl/8", RequestID: "r1", TraceID: "t1", Key: "k1",
		},
		Seed: []byte("0123456789abcdef"),
	}
}

const payload = `{"before":{"rate":1200,"mail":"anna@example.com"},"after":{"rate":1300.50,"notes":["a","anna@example.com",null,{}]}}`

func leaf(t *testing.T, e *audit.Entry) audit.Hash {
	t.Helper()
	h, err := e.Leaf()
	require.NoError(t, err)
	return h
}

func TestALeafIsTheSameForTextsThatMeanTheSame(t *testing.T) {
	t.Parallel()
	same := [][]string{
		{`{"a":1,"b":"x"}`, `{ "b" : "\u0078" , "a" : 1.0 }`, `{"b":"x","a":10e-1}`},
		{`[0,-0,0.0,0e9]`, `[-0.00,0,0,0]`},
		{`1000`, `1e3`, `10.00E+2`},
		{`"\ud83d\ude00/"`, `"😀\/"`},
		{`"\u00E9\u002F"`, `"\u00e9/"`, `"é/"`},
		{`"\b\f\n\r\t\"\\"`, `"\u0008\u000C\u000a\u000D\u0009\u0022\u005c"`},
		{`{"a.b":{"":1}}`, `{"a\u002eb":{"":1}}`},
	}
	for _, texts := range same {
		for _, text := range texts {
			require.Equal(t, leaf(t, entry(texts[0])), leaf(t, entry(text)), text)
		}
	}
}

func TestALeafDiffersForTextsThatMeanOtherThings(t *testing.T) {
	t.Parallel()
	seen := map[audit.Hash]string{}
	for _, text := range []string{
		`null`, `""`, `{}`, `[]`, `[{}]`, `[[]]`, `0`, `"0"`, `1`, `-1`, `10`, `0.1`, `true`, `false`, `"true"`, `[null]`, `{"a":null}`,
		`{"0":1}`, `[1]`, `{"[0]":1}`, `{"a":{"b":1}}`, `{"a.b":1}`, `{"a":[1]}`, `{"a[0]":1}`, `{"":1}`, `{"a":1,"b":2}`,
		`{"a":2,"b":1}`, `[1,2]`, `[2,1]`, `1e400`, `"\u0001"`, `" "`, `{"before":1}`, `{"Before":1}`,
	} {
		h := leaf(t, entry(text))
		require.Empty(t, seen[h], text)
		seen[h] = text
	}
	bare := entry("")
	bare.Payload = nil
	require.Empty(t, seen[leaf(t, bare)], "nothing is not null")
}

func TestALeafCommitsToEveryField(t *testing.T) {
	t.Parallel()
	was := leaf(t, entry(payload))
	for name, change := range map[string]func(e *audit.Entry){
		"id":           func(e *audit.Entry) { e.ID = strings.Replace(e.ID, "1", "2", 1) },
		"tenant":       func(e *audit.Entry) { e.Tenant = "acmE" },
		"at":           func(e *audit.Entry) { e.At = e.At.Add(time.Microsecond) },
		"actor":        func(e *audit.Entry) { e.Actor = "" },
		"on_behalf_of": func(e *audit.Entry) { e.OnBehalfOf, e.Actor = e.Actor, e.OnBehalfOf },
		"action":       func(e *audit.Entry) { e.Action = "quote.acceptee" },
		"outcome":      func(e *audit.Entry) { e.Outcome = audit.Denied },
		"target":       func(e *audit.Entry) { e.Targets = e.Targets[:1] },
		"targets":      func(e *audit.Entry) { e.Targets[0], e.Targets[1] = e.Targets[1], e.Targets[0] },
		"payload":      func(e *audit.Entry) { e.Payload = json.RawMessage(strings.Replace(payload, "1200", "1201", 1)) },
		"no payload":   func(e *audit.Entry) { e.Payload = nil },
		"ip":           func(e *audit.Entry) { e.IP = "192.0.2.8" },
		"user agent":   func(e *audit.Entry) { e.UserAgent += "." },
		"request":      func(e *audit.Entry) { e.RequestID, e.TraceID = e.TraceID, e.RequestID },
		"trace":        func(e *audit.Entry) { e.TraceID = "" },
		"key":          func(e *audit.Entry) { e.Key = "k2" },
		"seed":         func(e *audit.Entry) { e.Seed = []byte("0123456789abcdeF") },
	} {
		e := entry(payload)
		change(e)
		require.NotEqual(t, was, leaf(t, e), name)
	}
}

func TestRedactingKeepsTheLeaf(t *testing.T) {
	t.Parallel()
	e := entry(payload)
	was := leaf(t, e)
	about := func(path, value string) bool { return value == "anna@example.com" || path == "ip_address" }
	n, err := e.Redact("01938a00-0000-7000-8000-00000000000f", about)
	require.NoError(t, err)
	require.Equal(t, 4, n)
	require.Equal(t, was, leaf(t, e))

	text, err := json.Marshal(e)
	require.NoError(t, err)
	require.NotContains(t, string(text), "anna")
	require.NotContains(t, string(text), "192.0.2.7")
	require.Contains(t, string(text), "1300.50", "what is left keeps its form")
	require.Nil(t, e.Seed, "or the erased salts could be had from it")
	for path := range e.Redacted {
		require.NotContains(t, e.Salts, path)
	}

	n, err = e.Redact("01938a00-0000-7000-8000-000000000010", func(string, string) bool { return true })
	require.NoError(t, err)
	require.Positive(t, n)
	require.Equal(t, was, leaf(t, e), "all of it")
	n, err = e.Redact("01938a00-0000-7000-8000-000000000011", func(string, string) bool { return true })
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, "01938a00-0000-7000-8000-000000000010", e.RedactedBy)
}

func TestAForgedRedactionShows(t *testing.T) {
	t.Parallel()
	redacted := func() *audit.Entry {
		e := entry(payload)
		_, err := e.Redact("r", func(path, _ string) bool { return path == "actor" || path == "payload.before.mail" })
		require.NoError(t, err)
		return e
	}
	was := leaf(t, redacted())
	e := redacted()
	e.Actor = "mallory"
	_, err := e.Leaf()
	require.ErrorIs(t, err, audit.ErrTampered, "a value stands where it was redacted")
	e = redacted()
	e.Payload = json.RawMessage(strings.Replace(string(e.Payload), `"mail":null`, `"mail":"mallory"`, 1))
	_, err = e.Leaf()
	require.ErrorIs(t, err, audit.ErrTampered)
	e = redacted()
	delete(e.Redacted, "actor")
	require.NotEqual(t, was, leaf(t, e), "a part is gone")
	e = redacted()
	delete(e.Salts, "key")
	_, err = e.Leaf()
	require.ErrorIs(t, err, audit.ErrTampered)
	e = redacted()
	e.Redacted["user_agent"], e.UserAgent = audit.Hash{1}, ""
	require.NotEqual(t, was, leaf(t, e), "another digest")
}

func TestPayloadsThatNobodyCouldStoreAreRefused(t *testing.T) {
	t.Parallel()
	for text, field := range map[string]string{
		`{"a":1,"a":2}`:                "payload.a",
		`{"a":{"b":1,"\u0062":2}}`:     "payload.a.b",
		`["\u0000"]`:                   "payload[0]",
		`"\ud800"`:                     "payload",
		`"\udc00\ud800"`:               "payload",
		`"\ud800x"`:                    "payload",
		`{"a":1e999999}`:               "payload.a",
		`{"a":1e99999999999999999999}`: "payload.a",
		`{"a":1e131072}`:               "payload.a",
		`[1e-16384]`:                   "payload[0]",
		`0e-16384`:                     "payload",
		`{"a":1.` + strings.Repeat("0", 16384) + `}`: "payload.a",
		"\"\xff\"": "payload",
		`{"a":}`:   "payload.a",
		``:         "payload",
		strings.Repeat("[", 100) + strings.Repeat("]", 100): "payload" + strings.Repeat("[0]", 65),
	} {
		r := entry(text).Record
		r.Payload = json.RawMessage(text)
		require.ErrorContains(t, r.Check(), field+": ", text)
	}
	r := entry(`"` + strings.Repeat("x", audit.MaxPayload) + `"`).Record
	require.ErrorContains(t, r.Check(), "payload: longer than")
	r = entry(`[1e131071, 1e-16383, 0e9, 1.` + strings.Repeat("0", 16383) + `]`).Record
	require.NoError(t, r.Check(), "Postgres keeps these")
}

func TestATextThatIsNoJSONIsNoPayload(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	for _, text := range []string{
		`{1:2}`, `{"a" 1}`, `{"a":1 "b":2}`, `{"a":1,}`, `{"a"}`, `{`, `{"a`, `{"a":`, `[1 2]`, `[1,]`, `[`, `tru`, `nul`, `falsy`, `NaN`,
		`"abc`, "\"a\nb\"", "\"\\n\nb\"", `"a\`, `"a\q"`, `"a\n`, `"a\u12`, `"a\u12G4"`, `1.`, `1.e5`, `1e`, `1e+`, `01`, `-`, `-x`, `+1`, `.5`,
		`1 2`, `{}x`, `'a'`, ` `,
	} {
		require.False(t, json.Valid([]byte(text)), text)
		_, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b", Payload: json.RawMessage(text)})
		require.Regexp(t, `^payload`, fieldOf(t, err), text)
	}
	nothing(t, log)
}

func FuzzFlatten(f *testing.F) {
	for _, seed := range []string{payload, `[]`, `{"a":{}}`, `"\ud83d\ude00"`, `-1.50e-3`, `{"x y":[1,[2,{"":3}]]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := audit.Flatten([]byte(text))
		if err != nil {
			return
		}
		// What is written anew from its meaning has the same parts.
		var v any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		require.NoError(t, d.Decode(&v))
		again, err := json.Marshal(v)
		require.NoError(t, err)
		same, err := audit.Flatten(again)
		require.NoError(t, err, string(again))
		require.Equal(t, found, same)
	})
}

func ExampleEntry_Redact() {
	e := audit.Entry{
		Record: audit.Record{
			ID: "01938a00-0000-7000-8000-000000000001", Tenant: "acme", Action: "user.invited", Outcome: audit.Succeeded,
			At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Payload: json.RawMessage(`{"mail":"anna@example.com","seats":3}`),
		},
		Seed: []byte("0123456789abcdef"),
	}
	before, _ := e.Leaf()
	n, _ := e.Redact("01938a00-0000-7000-8000-000000000002", func(path, _ string) bool { return path == "payload.mail" })
	after, _ := e.Leaf()
	fmt.Println(n, string(e.Payload), before == after)
	// Output: 1 {"mail":null,"seats":3} true
}
