package sloprom

import (
	"reflect"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
)

// Stats is a [prometheus.Collector] of a Stats method.
type Stats struct {
	read   func() reflect.Value
	fields []field
}

var _ prometheus.Collector = (*Stats)(nil)

// field is a number in a Stats struct.
type field struct {
	index []int
	desc  *prometheus.Desc
	value func(reflect.Value) float64
}

var component = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)

// NewStats returns a collector of what read returns, a struct: its exported fields are metrics named tenon_, name and the
// field's own name. Structs in it are read too; maps, slices and pointers are left out. It panics when name is not of
// lower case letters, digits and underscores, or T is no struct: both are decided when the program is written.
func NewStats[T any](name string, read func() T) *Stats {
	t := reflect.TypeFor[T]()
	if !component.MatchString(name) || t.Kind() != reflect.Struct {
		panic("sloprom: NewStats of " + name + " and " + t.String())
	}
	s := &Stats{read: func() reflect.Value { return reflect.ValueOf(read()) }}
	s.add("tenon_"+name, t, nil)
	return s
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
)

// add finds the numbers of a struct.
func (s *Stats) add(prefix string, t reflect.Type, index []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(append([]int(nil), index...), i)
		name := prefix + "_" + snake(f.Name)
		switch unit, value := reader(f.Type); {
		case !f.IsExported():
		case value != nil:
			help := t.String() + "." + f.Name + "."
			s.fields = append(s.fields, field{at, prometheus.NewDesc(name+unit, help, nil, nil), value})
		case f.Type.Kind() == reflect.Struct:
			s.add(name, f.Type, at)
		}
	}
}

// reader returns how a type is read as a number, and what its name ends in; nil when it is none.
func reader(t reflect.Type) (unit string, value func(reflect.Value) float64) {
	switch {
	case t == durationType:
		return "_seconds", func(v reflect.Value) float64 { return time.Duration(v.Int()).Seconds() }
	case t == timeType:
		return "_timestamp_seconds", func(v reflect.Value) float64 { return stamp(v.Interface().(time.Time)) }
	case t.Kind() == reflect.Bool:
		return "", func(v reflect.Value) float64 { return number(v.Bool()) }
	case t.Kind() == reflect.String:
		return "", func(v reflect.Value) float64 { return number(v.String() != "") }
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		return "", func(v reflect.Value) float64 { return float64(v.Int()) }
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64:
		return "", func(v reflect.Value) float64 { return float64(v.Uint()) }
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		return "", reflect.Value.Float
	}
	return "", nil
}

func stamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}

// snake writes a name of Go in lower case: "OldestAge" is oldest_age, "LastHTTPError" last_http_error.
func snake(name string) string {
	runes := []rune(name)
	var b strings.Builder
	for i, r := range runes {
		starts := i > 0 && unicode.IsUpper(r) &&
			(!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if starts {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// Describe implements [prometheus.Collector].
func (s *Stats) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range s.fields {
		ch <- f.desc
	}
}

// Collect implements [prometheus.Collector].
func (s *Stats) Collect(ch chan<- prometheus.Metric) {
	v := s.read()
	for _, f := range s.fields {
		ch <- prometheus.MustNewConstMetric(f.desc, prometheus.UntypedValue, f.value(v.FieldByIndex(f.index)))
	}
}
