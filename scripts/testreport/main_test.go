package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const succeeding = `
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`

const skipping = `
{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:1: no server\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
`

const failing = `
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:1: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestC"}
`

const panicking = `
{"Action":"output","Package":"p","Test":"TestD","Output":"panic: oh\n"}
{"Action":"fail","Package":"p"}
`

const unbuilt = `
{"ImportPath":"p [p.test]","Action":"build-output","Output":"p.go:1: syntax error\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p"}
`

func TestReport(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in   string
		strict, ok bool
		want       string
	}{
		{name: "passing", in: succeeding, strict: true, ok: true, want: "ok  \tp\t0.1s\n1 passed, 0 failed, 0 skipped\n"},
		{name: "skipping", in: succeeding + skipping, ok: true, want: "--- SKIP: p.TestB: b_test.go:1: no server\n1 passed, 0 failed, 1 skipped\n"},
		{name: "skipping_when_strict", in: succeeding + skipping, strict: true, want: "skipped tests count as failures"},
		{name: "failing", in: succeeding + failing, want: "c_test.go:1: wrong\n"},
		{name: "panicking", in: succeeding + panicking, want: "panic: oh\n"},
		{name: "unbuilt", in: succeeding + unbuilt, want: "p.go:1: syntax error\n"},
		{name: "nothing_ran", in: "", want: "0 passed, 0 failed, 0 skipped\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			r := report{out: &out, output: map[id][]string{}}
			require.NoError(t, r.read(strings.NewReader(strings.TrimSpace(c.in))))
			require.Equal(t, c.ok, r.summary(c.strict))
			require.Contains(t, out.String(), c.want)
		})
	}
}
