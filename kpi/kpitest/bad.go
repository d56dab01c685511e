package kpitest

import (
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/transbotai/tenon/kpi"
)

// badEvents are ways to spoil an event.
func badEvents() map[string]func(e *kpi.Event) {
	deep := map[string]any{}
	for range 20 {
		deep = map[string]any{"d": deep}
	}
	long := strings.Repeat("x", 201)
	return map[string]func(e *kpi.Event){
		"no tenant":               func(e *kpi.Event) { e.Tenant = "" },
		"a long tenant":           func(e *kpi.Event) { e.Tenant = long },
		"no name":                 func(e *kpi.Event) { e.Name = "" },
		"a long name":             func(e *kpi.Event) { e.Name = long },
		"a long user":             func(e *kpi.Event) { e.User = long },
		"a long key":              func(e *kpi.Event) { e.Key = long },
		"a name that is no UTF-8": func(e *kpi.Event) { e.Name = "quote\xff" },
		"a zero byte in the name": func(e *kpi.Event) { e.Name = "quote\x00" },
		"a user that is no UTF-8": func(e *kpi.Event) { e.User = "\xc3" },
		"the year 0":              func(e *kpi.Event) { e.At = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC) },
		"before 1970":             func(e *kpi.Event) { e.At = time.Unix(-1, 0) },
		"more than a day ahead":   func(e *kpi.Event) { e.At = noon.Add(25 * time.Hour) },
		"the year 10000":          func(e *kpi.Event) { e.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"large properties":        func(e *kpi.Event) { e.Properties["a"] = strings.Repeat("x", 32<<10) },
		"many properties": func(e *kpi.Event) {
			for i := range 4000 {
				e.Properties[strings.Repeat("n", i%7)+string(rune('a'+i))] = i
			}
		},
		"deep properties":          func(e *kpi.Event) { e.Properties["d"] = deep },
		"a property of no UTF-8":   func(e *kpi.Event) { e.Properties["a"] = "\xff" },
		"a property's name":        func(e *kpi.Event) { e.Properties["\xff"] = 1 },
		"a zero byte":              func(e *kpi.Event) { e.Properties["a"] = []any{"\x00"} },
		"no number":                func(e *kpi.Event) { e.Properties["a"] = math.NaN() },
		"an infinite number":       func(e *kpi.Event) { e.Properties["a"] = math.Inf(1) },
		"a number out of range":    func(e *kpi.Event) { e.Properties["a"] = json.Number("1e400") },
		"a number that is none":    func(e *kpi.Event) { e.Properties["a"] = json.Number("one") },
		"a number of many digits":  func(e *kpi.Event) { e.Properties["a"] = json.Number(strings.Repeat("9", 101)) },
		"what JSON does not write": func(e *kpi.Event) { e.Properties["a"] = func() {} },
	}
}
