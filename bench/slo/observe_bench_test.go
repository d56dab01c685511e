package slo

import "testing"

func BenchmarkObserve(b *testing.B) {
	i, err := newInstruments()
	if err != nil {
		b.Fatal(err)
	}
	for name, way := range map[string]func(int, int) int{"tenon": i.observe, "prometheus": i.observeProm, "opentelemetry": i.recordOTel} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			way(0, b.N)
		})
	}
}
