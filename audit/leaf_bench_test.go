package audit_test

import (
	"testing"

	"github.com/transbotai/tenon/audit"
)

func BenchmarkLeaf(b *testing.B) {
	b.ReportAllocs()
	e := entry(payload)
	for b.Loop() {
		if _, err := e.Leaf(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLeaves(b *testing.B) {
	entries := make([]audit.Entry, 10_000)
	for i := range entries {
		entries[i] = *entry(payload)
	}
	for b.Loop() {
		if _, err := audit.Leaves(entries); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(entries))/b.Elapsed().Seconds(), "leaves/s")
}
