package flags

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/transbotai/tenon/flags"
)

// many returns the i-th of the flags that a process loads: by turns one with rules, one with named tenants and one with
// a rollout.
func many(i int) flags.Definition {
	d := flags.Definition{
		Key: fmt.Sprintf("flag-%05d", i), Type: flags.TypeBool, Owner: "quotes",
		Description: "One of many flags that somebody once had a reason for.",
	}
	switch i % 3 {
	case 0:
		d.Rules = []flags.Rule{{ID: "large customers", Serve: flags.Only("on"), If: flags.Condition{All: []flags.Condition{
			{Attr: "plan", Op: flags.OpIn, Values: []any{"pro", "enterprise"}},
			{Attr: "country", Op: flags.OpEqual, Value: "US"},
			{Attr: "seats", Op: flags.OpAtLeast, Value: 10.0},
		}}}}
	case 1:
		d.Tenants = map[string]string{fmt.Sprint("tenant-", i): "on", fmt.Sprint("tenant-", i+1): "on", "transbotai-demo": "off"}
	default:
		d.Rollout = &flags.Rollout{Percent: float64(i % 100)}
	}
	return d
}

// recordOf returns the first version of a flag as a set would hand it to a store.
func recordOf(d flags.Definition) (flags.Record, error) {
	body, err := json.Marshal(d)
	return flags.Record{
		Kind: flags.KindFlag, Key: d.Key, Version: 1, Body: body, By: "bench", Reason: "measured",
		At: time.Now().UTC().Truncate(time.Microsecond),
	}, err
}
