package flags

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/transbotai/tenon"
)

// Who is the one a flag is evaluated for: a tenant, and what else is known about it.
type Who struct {
	Tenant string
	Attrs  []Attr // of two with one name the first counts
}

// TenantAttr is the name under which conditions see [Who.Tenant]. An [Attr] of this name is never looked at.
const TenantAttr = "tenant"

// Attr is a named value: text, a number, a truth or an instant. The zero Attr has no name and no value.
type Attr struct {
	name string
	text string
	num  float64
	kind attrKind
}

type attrKind uint8

const (
	attrNone attrKind = iota
	attrText
	attrNumber
	attrTruth
	attrTime
)

// Text returns an attribute whose value is text.
func Text(name, value string) Attr { return Attr{name: name, text: value, kind: attrText} }

// Number returns an attribute whose value is a number. NaN compares with nothing.
func Number(name string, value float64) Attr { return Attr{name: name, num: value, kind: attrNumber} }

// Truth returns an attribute that is true or false.
func Truth(name string, value bool) Attr {
	a := Attr{name: name, kind: attrTruth}
	if value {
		a.num = 1
	}
	return a
}

// Time returns an attribute whose value is an instant, to the microsecond.
func Time(name string, value time.Time) Attr {
	return Attr{name: name, num: micros(value), kind: attrTime}
}

// micros returns t in microseconds since 1970, which a float64 holds exactly for 285 years either way.
func micros(t time.Time) float64 { return float64(t.UnixMicro()) }

// Name returns the attribute's name.
func (a Attr) Name() string { return a.name }

// find returns the attribute of that name, or nil.
func (w *Who) find(name string) *Attr {
	for i := range w.Attrs {
		if w.Attrs[i].name == name {
			return &w.Attrs[i]
		}
	}
	return nil
}

// key returns what is bucketed: the tenant, or the attribute of that name. It is empty when there is none.
func (w *Who) key(by string) string {
	if by == "" {
		return w.Tenant
	}
	a := w.find(by)
	if a == nil {
		return ""
	}
	return a.bucketed()
}

// bucketed returns the value as text; fractions and other kinds of value are not bucketed by.
func (a *Attr) bucketed() string {
	switch {
	case a.kind == attrText:
		return a.text
	case a.kind == attrNumber && a.num == math.Trunc(a.num) && math.Abs(a.num) < exact:
		return decimal(int64(a.num))
	default:
		return ""
	}
}

type whoKey struct{}

// With returns a context that carries w. Where w names no tenant, the one of [tenon.Caller] counts.
func With(ctx context.Context, w Who) context.Context { return context.WithValue(ctx, whoKey{}, &w) }

// From returns who ctx speaks of: what [With] put there, and the tenant of [tenon.Caller] where that names none.
func From(ctx context.Context) Who {
	var w Who
	if carried, ok := ctx.Value(whoKey{}).(*Who); ok {
		w = *carried
	}
	if w.Tenant == "" {
		caller, _ := tenon.CallerFrom(ctx)
		w.Tenant = caller.Tenant
	}
	return w
}

// String returns the value as a person would write it.
func (a Attr) String() string {
	switch a.kind {
	case attrText:
		return a.text
	case attrNumber:
		return strconv.FormatFloat(a.num, 'f', -1, 64)
	case attrTruth:
		return strconv.FormatBool(a.num != 0)
	case attrTime:
		return time.UnixMicro(int64(a.num)).UTC().Format(time.RFC3339Nano)
	default:
		return ""
	}
}
