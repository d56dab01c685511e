package audit_test

import "testing"

func BenchmarkLeaf(b *testing.B) {
	e := entry(`{"status":["sent","accepted"],"amount":[1200,1250.5],"lane":"DE-FR"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Leaf(); err != nil {
			b.Fatal(err)
		}
	}
}
