package flagspg

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/transbotai/tenon/flags"
)

// erased stands where a condition named a tenant that was forgotten: a list without it might be empty, or the condition
// mean something else.
const erased = "(erased)"

// body is a flag's or segment's JSON, looked at without the core's checks, so that versions of other releases and rows
// with a fault are not passed over.
type body map[string]any

// readBody returns nil for what is no object: it names nobody.
func readBody(raw json.RawMessage) body {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var b body
	if d.Decode(&b) != nil {
		return nil
	}
	return b
}

// forget takes the tenant out of b and says whether it was there: its own variant, the lists of extra tenants, and
// conditions on the tenant.
func (b body) forget(tenant string) bool {
	tenants, _ := b["tenants"].(map[string]any)
	_, named := tenants[tenant]
	delete(tenants, tenant)
	rollout, _ := b["rollout"].(map[string]any)
	for _, holder := range extras(rollout) {
		named = forgetExtra(holder, tenant) || named
	}
	for _, condition := range b.conditions() {
		named = forgetCondition(condition, tenant) || named
	}
	return named
}

// extras returns the objects that have a list of extra tenants: the rollout and the stages of its ramp.
func extras(rollout map[string]any) []map[string]any {
	holders := []map[string]any{rollout}
	ramp, _ := rollout["ramp"].(map[string]any)
	return append(holders, objects(ramp["stages"])...)
}

func forgetExtra(holder map[string]any, tenant string) bool {
	list, _ := holder["extra"].([]any)
	left := slices.DeleteFunc(slices.Clone(list), func(v any) bool { return v == tenant })
	if len(left) == len(list) {
		return false
	}
	holder["extra"] = left
	if len(left) == 0 {
		delete(holder, "extra")
	}
	return true
}

// conditions returns the outermost conditions: of a segment, or of each rule.
func (b body) conditions() []map[string]any {
	all := objects([]any{b["if"]})
	for _, rule := range objects(b["rules"]) {
		all = append(all, objects([]any{rule["if"]})...)
	}
	return all
}

func forgetCondition(c map[string]any, tenant string) bool {
	named := false
	for _, inner := range slices.Concat(objects(c["all"]), objects(c["any"]), objects([]any{c["not"]})) {
		named = forgetCondition(inner, tenant) || named
	}
	if c["attr"] != flags.TenantAttr {
		return named
	}
	if c["value"] == tenant {
		c["value"], named = erased, true
	}
	return forgetValues(c, tenant) || named
}

// forgetValues puts one word for all that were forgotten, since a list may have to name each value once.
func forgetValues(c map[string]any, tenant string) bool {
	values, _ := c["values"].([]any)
	if !slices.Contains(values, any(tenant)) {
		return false
	}
	left := slices.DeleteFunc(slices.Clone(values), func(v any) bool { return v == tenant || v == erased })
	c["values"] = append(left, erased)
	return true
}

// objects returns those elements of a list that are objects.
func objects(list any) []map[string]any {
	elements, _ := list.([]any)
	var all []map[string]any
	for _, e := range elements {
		if o, ok := e.(map[string]any); ok {
			all = append(all, o)
		}
	}
	return all
}

// excerpt returns what b says of the tenant, without the other tenants that it names, and nil when it says nothing.
func (b body) excerpt(tenant string) body {
	found := body{}
	tenants, _ := b["tenants"].(map[string]any)
	if variant, ok := tenants[tenant]; ok {
		found["tenants"] = map[string]any{tenant: variant}
	}
	rollout, _ := b["rollout"].(map[string]any)
	for _, holder := range extras(rollout) {
		if list, _ := holder["extra"].([]any); slices.Contains(list, any(tenant)) {
			found["rollout"] = map[string]any{"extra": []any{tenant}}
		}
	}
	rest := body{"if": b["if"], "rules": b["rules"]}
	if rest.forget(tenant) {
		found["conditions"] = []any{tenant}
	}
	if len(found) == 0 {
		return nil
	}
	return found
}
