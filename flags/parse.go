package flags

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/transbotai/tenon"
)

// maxBody bounds the JSON form of a flag or a segment.
const maxBody = 1 << 20

// ParseDefinition reads a flag from JSON and checks it by itself: whether the flags and segments that it names exist is
// asked when it is written. Unknown names are refused. The error is a [tenon.FieldError] whose Field is the path of the
// fault: "rules[0].if.all[1].op".
func ParseDefinition(r io.Reader) (Definition, error) {
	var d Definition
	if err := parse(r, &d); err != nil {
		return Definition{}, prefix(err)
	}
	if err := d.check(); err != nil {
		return Definition{}, prefix(err)
	}
	return d, nil
}

// ParseSegment reads a segment as [ParseDefinition] reads a flag.
func ParseSegment(r io.Reader) (Segment, error) {
	var s Segment
	if err := parse(r, &s); err != nil {
		return Segment{}, prefix(err)
	}
	if err := s.check(); err != nil {
		return Segment{}, prefix(err)
	}
	return s, nil
}

func parse(r io.Reader, into any) error {
	b, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err != nil {
		return fmt.Errorf("flags: %w", err)
	}
	if err := parseBytes(b, into); err != nil {
		return err
	}
	return mismatch("", b, reflect.TypeOf(into).Elem(), 0) // package json takes names in capitals for known ones
}

// parseBytes reads b fast, and looks for the place of a fault only when there is one.
func parseBytes(b []byte, into any) error {
	if len(b) > maxBody {
		return tenon.Invalid(root, "longer than %d bytes", maxBody)
	}
	err := strict(b, into)
	if err == nil {
		return nil
	}
	if !json.Valid(b) {
		return invalidJSON(b)
	}
	if fault := mismatch("", b, reflect.TypeOf(into).Elem(), 0); fault != nil {
		return fault
	}
	return tenon.Invalid(root, "%v", err)
}

// root is the path of what is wrong as a whole.
const root = "definition"

// field returns the path of an element.
func field(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// member returns the path of a member of an object.
func member(path, name string) string {
	if !plainName(name) {
		return path + "[" + strconv.Quote(name) + "]"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

func plainName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

func orRoot(path string) string {
	if path == "" {
		return root
	}
	return path
}

// invalidJSON says where b stops to be JSON, by walking up to there.
func invalidJSON(b []byte) error {
	var anything json.RawMessage
	err := json.Unmarshal(b, &anything)
	d := json.NewDecoder(strings.NewReader(string(b)))
	path := walk(d, "", 0)
	return tenon.Invalid(orRoot(path), "not valid JSON at byte %d: %v", d.InputOffset(), err)
}

// walk reads one value and returns the path at which that failed; empty when it did not, or at the root.
func walk(d *json.Decoder, path string, depth int) string {
	t, err := d.Token()
	if err != nil || depth > maxNesting {
		return path
	}
	open, nested := t.(json.Delim)
	if !nested {
		return ""
	}
	for i := 0; d.More(); i++ {
		at := field(path, i)
		if open == '{' {
			name, err := d.Token()
			text, isText := name.(string)
			if err != nil || !isText {
				return path
			}
			at = member(path, text)
		}
		if fault := walk(d, at, depth+1); fault != "" {
			return fault
		}
	}
	if _, err := d.Token(); err != nil {
		return path
	}
	return ""
}

// maxNesting bounds how deep JSON is walked into; conditions nest far less.
const maxNesting = 200

// mismatch compares the shape of b with what t reads, and returns the first difference with its path.
func mismatch(path string, b []byte, t reflect.Type, depth int) error {
	if depth > maxNesting {
		return tenon.Invalid(orRoot(path), "nested deeper than %d", maxNesting)
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[Serve]() && b[0] == '[' {
		t = reflect.TypeFor[[]Weight]()
	}
	switch {
	case string(b) == "null", t == reflect.TypeFor[json.RawMessage]():
		return nil
	case t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
		return mismatchedStruct(path, b, t, depth)
	case t.Kind() == reflect.Slice && t != reflect.TypeFor[Serve]():
		return mismatchedSlice(path, b, t, depth)
	case t.Kind() == reflect.Map:
		return mismatchedMap(path, b, t, depth)
	}
	if err := json.Unmarshal(b, reflect.New(t).Interface()); err != nil {
		return tenon.Invalid(orRoot(path), "%s", shapeOf(t))
	}
	return nil
}

func mismatchedStruct(path string, b []byte, t reflect.Type, depth int) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return tenon.Invalid(orRoot(path), "must be an object")
	}
	known := map[string]reflect.Type{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			known[name] = t.Field(i).Type
		}
	}
	for _, name := range sortedKeys(members) {
		of, ok := known[name]
		if !ok {
			return tenon.Invalid(member(path, name), "unknown")
		}
		if err := mismatch(member(path, name), members[name], of, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func mismatchedSlice(path string, b []byte, t reflect.Type, depth int) error {
	var elements []json.RawMessage
	if err := json.Unmarshal(b, &elements); err != nil {
		return tenon.Invalid(orRoot(path), "must be a list")
	}
	for i, e := range elements {
		if err := mismatch(field(path, i), e, t.Elem(), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func mismatchedMap(path string, b []byte, t reflect.Type, depth int) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return tenon.Invalid(orRoot(path), "must be an object")
	}
	for _, name := range sortedKeys(members) {
		if err := mismatch(member(path, name), members[name], t.Elem(), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// shapeOf says what a value must be.
func shapeOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Serve]():
		return "must be the name of a variant, or a list of weights"
	case reflect.TypeFor[Duration]():
		return `must be a duration, such as "24h"`
	}
	switch t.Kind() {
	case reflect.String:
		return "must be text"
	case reflect.Bool:
		return "must be true or false"
	case reflect.Int, reflect.Int64:
		return "must be a whole number within 64 bits"
	case reflect.Float64:
		return "must be a number"
	case reflect.Struct:
		return "must be an instant as in RFC 3339"
	default:
		return "has another shape"
	}
}
