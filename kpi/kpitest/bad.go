package kpitest

import (
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/transbotai/tenon/kpi"
)

// badEvent is a way to spoil an event, and the field that is named then.
type badEvent struct {
	field string
	spoil func(e *kpi.Event)
}

func badEvents() map[string]badEvent {
	deep := map[string]any{}
	for range 20 {
		deep = map[string]any{"d": deep}
	}
	long := strings.Repeat("x", 201)
	return map[string]badEvent{
		"no tenant":               {"tenant", func(e *kpi.Event) { e.Tenant = "" }},
		"a long tenant":           {"tenant", func(e *kpi.Event) { e.Tenant = long }},
		"no name":                 {"name", func(e *kpi.Event) { e.Name = "" }},
		"a long name":             {"name", func(e *kpi.Event) { e.Name = long }},
		"a long user":             {"user", func(e *kpi.Event) { e.User = long }},
		"a long key":              {"key", func(e *kpi.Event) { e.Key = long }},
		"a name that is no UTF-8": {"name", func(e *kpi.Event) { e.Name = "quote\xff" }},
		"a zero byte in the name": {"name", func(e *kpi.Event) { e.Name = "quote\x00" }},
		"a user that is no UTF-8": {"user", func(e *kpi.Event) { e.User = "\xc3" }},
		"the year 0":              {"at", func(e *kpi.Event) { e.At = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC) }},
		"before 1970":             {"at", func(e *kpi.Event) { e.At = time.Unix(-1, 0) }},
		"more than a day ahead":   {"at", func(e *kpi.Event) { e.At = noon.Add(25 * time.Hour) }},
		"the year 10000":          {"at", func(e *kpi.Event) { e.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }},
		"large properties":        {"properties", func(e *kpi.Event) { e.Properties["a"] = strings.Repeat("x", 32<<10) }},
		"many properties": {"properties", func(e *kpi.Event) {
			for i := range 4000 {
				e.Properties[strings.Repeat("n", i%7)+string(rune('a'+i))] = i
			}
		}},
		"a list behind large properties": {"properties", func(e *kpi.Event) {
			e.Properties["a"], e.Properties["b"] = strings.Repeat("x", 32<<10), []any{1}
		}},
		"deep properties":          {"properties", func(e *kpi.Event) { e.Properties["d"] = deep }},
		"a property of no UTF-8":   {"properties.a", func(e *kpi.Event) { e.Properties["a"] = "\xff" }},
		"a property's name":        {"properties", func(e *kpi.Event) { e.Properties["\xff"] = 1 }},
		"a zero byte":              {"properties.a.0", func(e *kpi.Event) { e.Properties["a"] = []any{"\x00"} }},
		"no number":                {"properties.a", func(e *kpi.Event) { e.Properties["a"] = math.NaN() }},
		"an infinite number":       {"properties.a", func(e *kpi.Event) { e.Properties["a"] = math.Inf(1) }},
		"a number out of range":    {"properties.a", func(e *kpi.Event) { e.Properties["a"] = json.Number("1e400") }},
		"a number that is none":    {"properties.a", func(e *kpi.Event) { e.Properties["a"] = json.Number("one") }},
		"a number of many digits":  {"properties.a", func(e *kpi.Event) { e.Properties["a"] = json.Number(strings.Repeat("9", 101)) }},
		"what JSON does not write": {"properties.a", func(e *kpi.Event) { e.Properties["a"] = func() {} }},
	}
}
