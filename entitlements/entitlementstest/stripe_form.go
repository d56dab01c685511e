package entitlementstest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// form is what a call sends: items[0][price]=price_1 is the field price in the field 0 in the field items.
type form struct {
	path   string
	text   string
	fields map[string]*form
}

// parseForm reads the query of a GET or DELETE and the body of a POST.
func parseForm(r *http.Request, body []byte) form {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		refuse(invalid("", "Invalid request body: %v", err))
	}
	root := form{fields: map[string]*form{}}
	for _, from := range []url.Values{r.URL.Query(), values} {
		for _, key := range slices.Sorted(maps.Keys(from)) {
			for i, value := range from[key] {
				root.put(strings.Replace(key, "[]", "["+strconv.Itoa(i)+"]", 1), value)
			}
		}
	}
	return root
}

func (f *form) put(key, value string) {
	at := f
	for part := range strings.FieldsFuncSeq(key, func(r rune) bool { return r == '[' || r == ']' }) {
		next, ok := at.fields[part]
		if !ok {
			next = &form{path: at.join(part)}
			if at.fields == nil {
				at.fields = map[string]*form{}
			}
			at.fields[part] = next
		}
		at = next
	}
	at.text = value
}

func (f *form) join(part string) string {
	if f.path == "" {
		return part
	}
	return f.path + "[" + part + "]"
}

// only refuses fields that are not among the names, which are separated by spaces.
func (f *form) only(names string) {
	known := append(strings.Fields(names), "expand")
	for _, name := range slices.Sorted(maps.Keys(f.fields)) {
		if !slices.Contains(known, name) {
			e := invalid(f.join(name), "Received unknown parameter: %s", f.join(name))
			e.code = "parameter_unknown"
			refuse(e)
		}
	}
}

// sub returns a field's own fields; one that was not sent has none.
func (f *form) sub(name string) *form {
	if found, ok := f.fields[name]; ok {
		return found
	}
	return &form{path: f.join(name)}
}

// has says whether the field was sent, even empty.
func (f *form) has(name string) bool { return f.fields[name] != nil }

// str returns the field's text.
func (f *form) str(name string) string { return f.sub(name).text }

// need returns the field's text and refuses the call when there is none.
func (f *form) need(name string) string {
	if f.str(name) == "" {
		e := invalid(f.join(name), "Missing required param: %s.", f.join(name))
		e.code = "parameter_missing"
		refuse(e)
	}
	return f.str(name)
}

// oneOf returns the field's text, or the first of the words when it was not sent; another word is refused.
func (f *form) oneOf(name string, words ...string) string {
	switch text := f.str(name); {
	case text == "":
		return words[0]
	case slices.Contains(words, text):
		return text
	default:
		refuse(invalid(f.join(name), "Invalid %s: must be one of %s", f.join(name), strings.Join(words, ", ")))
		return ""
	}
}

// integer returns the field's number, or the default when it was not sent.
func (f *form) integer(name string, otherwise int64) int64 {
	text := f.str(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		e := invalid(f.join(name), "Invalid integer: %s", text)
		e.code = "parameter_invalid_integer"
		refuse(e)
	}
	return n
}

// boolean returns the field's truth, or the default when it was not sent.
func (f *form) boolean(name string, otherwise bool) bool {
	switch f.str(name) {
	case "":
		return otherwise
	case "true", "1":
		return true
	case "false", "0":
		return false
	}
	refuse(invalid(f.join(name), "Invalid boolean: %s", f.str(name)))
	return false
}

// instant returns the field's time; "now" is now, and what was not sent is zero.
func (f *form) instant(name string, now time.Time) time.Time {
	switch f.str(name) {
	case "":
		return time.Time{}
	case "now":
		return now
	}
	return time.Unix(f.integer(name, 0), 0).UTC()
}

// list returns the elements of a field that is a list, in order.
func (f *form) list(name string) []*form {
	fields := f.sub(name).fields
	keys := slices.SortedFunc(maps.Keys(fields), func(a, b string) int {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return x - y
	})
	found := make([]*form, 0, len(keys))
	for _, key := range keys {
		found = append(found, fields[key])
	}
	return found
}

// texts returns the texts of a field that is a list.
func (f *form) texts(name string) []string {
	var found []string
	for _, one := range f.list(name) {
		found = append(found, one.text)
	}
	return found
}

// merge sets the pairs of a field that is a map of texts, such as metadata; an empty text removes a pair.
func (f *form) merge(name string, into map[string]string) map[string]string {
	merged := map[string]string{}
	maps.Copy(merged, into)
	for key, value := range f.sub(name).fields {
		if value.text == "" {
			delete(merged, key)
			continue
		}
		merged[key] = value.text
	}
	return merged
}
