package flagsopenfeature

import (
	"context"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/transbotai/tenon/flags"
)

// inlineAttrs is how many attributes an evaluation holds without memory of its own.
const inlineAttrs = 8

// whoOf returns for whom an evaluation is. It appends the attributes to held.
func whoOf(ctx context.Context, flatCtx of.FlattenedContext, held []flags.Attr) flags.Who {
	who := flags.Who{Attrs: held}
	for name, value := range flatCtx {
		if name == of.TargetingKey {
			who.Tenant, _ = value.(string)
			continue
		}
		if a, ok := attr(name, value); ok {
			who.Attrs = append(who.Attrs, a)
		}
	}
	carried := flags.From(ctx)
	if who.Tenant == "" {
		who.Tenant = carried.Tenant
	}
	who.Attrs = append(who.Attrs, carried.Attrs...) // of two with one name the first counts
	return who
}

// attr returns an attribute of the evaluation context; false when its value is of no kind that a condition can ask.
func attr(name string, value any) (flags.Attr, bool) {
	switch v := value.(type) {
	case string:
		return flags.Text(name, v), true
	case bool:
		return flags.Truth(name, v), true
	case time.Time:
		return flags.Time(name, v), true
	}
	n, ok := number(value)
	return flags.Number(name, n), ok
}

func number(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case int32:
		return float64(v), true
	case int16:
		return float64(v), true
	case int8:
		return float64(v), true
	case uint:
		return float64(v), true
	case uint64:
		return float64(v), true
	case uint32:
		return float64(v), true
	case uint16:
		return float64(v), true
	case uint8:
		return float64(v), true
	default:
		return 0, false
	}
}
