package flags

import (
	"context"
	"fmt"

	"github.com/transbotai/tenon/flags"
)

const (
	tenantCount = 1024 // a power of two
	manyCount   = 1000
	percent     = 10

	country, plan, seats = "CA", "enterprise", 120
)

// tenants are those that are asked about.
var tenants = func() (all [tenantCount]string) {
	for i := range all {
		all[i] = fmt.Sprintf("tenant-%06d", i*7919)
	}
	return all
}()

// manyKeys are flags with a rollout each.
var manyKeys = func() []string {
	all := make([]string, manyCount)
	for i := range all {
		all[i] = fmt.Sprintf("feature-%04d", i)
	}
	return all
}()

// cases are what is asked: each its flags, in turn.
var cases = []struct {
	name string
	keys []string
}{
	{"on", []string{"on"}},
	{"rollout of 10 %", []string{"rollout"}},
	{"three conditions", []string{"rule"}},
	{"1,000 flags in turn", manyKeys},
}

// definitions returns the 1,003 flags.
func definitions() []flags.Definition {
	all := []flags.Definition{
		{Key: "on", Type: flags.TypeBool, Default: "on"},
		rolledOut("rollout"),
		{Key: "rule", Type: flags.TypeBool, Rules: []flags.Rule{{Serve: flags.Only("on"), If: flags.Condition{All: []flags.Condition{
			{Attr: "country", Op: flags.OpIn, Values: []any{"US", "CA", "GB"}},
			{Attr: "plan", Op: flags.OpIn, Values: []any{plan}},
			{Attr: "seats", Op: flags.OpAtLeast, Value: 50},
		}}}}},
	}
	for _, key := range manyKeys {
		all = append(all, rolledOut(key))
	}
	return all
}

func rolledOut(key string) flags.Definition {
	return flags.Definition{Key: key, Type: flags.TypeBool, Rollout: &flags.Rollout{Percent: percent}}
}

// loaded returns a set that has the 1,003 flags.
func loaded(ctx context.Context) (*flags.Set, error) {
	store := flags.NewMemoryStore(nil)
	var w flags.Write
	for _, d := range definitions() {
		r, err := recordOf(d)
		if err != nil {
			return nil, err
		}
		w.Records = append(w.Records, r)
	}
	if _, err := store.Write(ctx, w); err != nil {
		return nil, err
	}
	set := flags.NewSet(store, nil)
	if err := set.Load(ctx); err != nil {
		return nil, err
	}
	if faults := set.Stats().Faults; len(faults) > 0 {
		return nil, fmt.Errorf("faults: %v", faults)
	}
	return set, nil
}

// askers returns the tenants as tenon is told of them.
func askers() []flags.Who {
	all := make([]flags.Who, tenantCount)
	for i := range all {
		all[i] = flags.Who{Tenant: tenants[i], Attrs: []flags.Attr{
			flags.Text("country", country), flags.Text("plan", plan), flags.Number("seats", seats),
		}}
	}
	return all
}
