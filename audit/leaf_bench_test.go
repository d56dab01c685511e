package audit_test

import (
	"testing"

	"github.com/transbotai/tenon/audit"
)

// usual is an entry of a usual size: a caller, one target, two columns before and after.
func usual() *audit.Entry {
	e := entry(`{"before":{"rate":1200,"status":"sent"},"after":{"rate":1250,"status":"accepted"}}`)
	e.OnBehalfOf, e.TraceID, e.Key, e.Targets = "", "", "", e.Targets[:1]
	return e
}

func BenchmarkLeaf(b *testing.B) {
	b.ReportAllocs()
	e := usual()
	for b.Loop() {
		if _, err := e.Leaf(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLeaves(b *testing.B) {
	entries := make([]audit.Entry, 10_000)
	for i := range entries {
		entries[i] = *usual()
	}
	for b.Loop() {
		if _, err := audit.Leaves(entries); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(entries))/b.Elapsed().Seconds(), "leaves/s")
}
