package entitlementstest

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// pageParams are the parameters of every list.
const pageParams = "limit starting_after ending_before created "

// page answers a list of the things that keep keeps, newest first, as Stripe pages it.
func page[T thing](b *Biller, c *call, kind string, keep func(T) bool) object {
	limit := int(c.form.integer("limit", 10))
	if limit < 1 || limit > 100 {
		refuse(invalid("limit", "Invalid integer: limit must be between 1 and 100"))
	}
	var found []T
	for _, one := range slices.Backward(b.kinds[kind]) {
		if t := one.(T); keep(t) {
			found = append(found, t)
		}
	}
	found, more := cut(c, found, limit)
	data := []any{}
	for _, t := range found {
		data = append(data, t.render(c.version))
	}
	return object{"object": "list", "data": data, "has_more": more, "url": "/v1/" + kind}
}

// cut returns the page of all that the call's cursor asks for, and whether there is more.
func cut[T thing](c *call, all []T, limit int) ([]T, bool) {
	at := func(param string) int {
		i := slices.IndexFunc(all, func(t T) bool { return t.ref() == c.form.str(param) })
		if i < 0 {
			refuse(missing("object", param, c.form.str(param)))
		}
		return i
	}
	switch {
	case c.form.has("starting_after"):
		all = all[at("starting_after")+1:]
	case c.form.has("ending_before"):
		all = all[:at("ending_before")]
		if len(all) > limit {
			return all[len(all)-limit:], true
		}
	}
	if len(all) > limit {
		return all[:limit], true
	}
	return all, false
}

// within says whether t lies in the range that a field such as created asks for.
func (f *form) within(name string, t time.Time) bool {
	r := f.sub(name)
	if r.text != "" && r.text != f.str(name) || r.text != "" && f.integer(name, 0) != t.Unix() {
		return false
	}
	n := t.Unix()
	return (!r.has("gt") || n > r.integer("gt", 0)) && (!r.has("gte") || n >= r.integer("gte", 0)) &&
		(!r.has("lt") || n < r.integer("lt", 0)) && (!r.has("lte") || n <= r.integer("lte", 0))
}

// matches says whether a field was not sent or says what the object says.
func (f *form) matches(name, value string) bool { return !f.has(name) || f.str(name) == value }

var clauseRE = regexp.MustCompile(`^(?:metadata\[["']([^"']+)["']\]|(\w+)):["']([^"']*)["']$`)

// search answers the things whose metadata or fields are as the query says: clauses joined by AND.
func search[T thing](b *Biller, c *call, kind string, metadata func(T) map[string]string) object {
	clauses := strings.Split(c.form.need("query"), " AND ")
	keep := func(t T) bool {
		for _, clause := range clauses {
			m := clauseRE.FindStringSubmatch(strings.TrimSpace(clause))
			if m == nil {
				refuse(invalid("query", "We were unable to parse your search query"))
			}
			if m[1] != "" && metadata(t)[m[1]] != m[3] || m[2] != "" && t.render(c.version)[m[2]] != m[3] {
				return false
			}
		}
		return true
	}
	data := []any{}
	for _, t := range slices.Backward(each[T](b, kind)) {
		if keep(t) {
			data = append(data, t.render(c.version))
		}
	}
	return object{"object": "search_result", "data": data, "has_more": false, "url": "/v1/" + kind + "/search"}
}

// expand puts objects where answer has their ids, along a path such as data.customer.
func (b *Biller) expand(answer any, path []string, v version) {
	switch at := answer.(type) {
	case []any:
		for _, one := range at {
			b.expand(one, path, v)
		}
	case object:
		inner, ok := at[path[0]]
		if !ok {
			refuse(invalid("expand", "This property cannot be expanded (%s).", path[0]))
		}
		if id, ok := inner.(string); ok {
			if t, ok := b.things[id]; ok {
				inner = t.render(v)
				at[path[0]] = inner
			}
		}
		if len(path) > 1 {
			b.expand(inner, path[1:], v)
		}
	}
}

// stamp is a time as Stripe writes it: seconds, or null where there is none.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Unix()
}

// reference is an id as Stripe writes it: null where there is none.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// sublist is a list inside an object.
func sublist(url string, data []any) object {
	return object{"object": "list", "data": data, "has_more": false, "url": url}
}
