package flagsopenfeature

import (
	"context"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/transbotai/tenon/flags"
)

// tenantOf returns the targeting key, or the tenant that ctx carries where there is none.
func tenantOf(ctx context.Context, flatCtx of.FlattenedContext) string {
	if tenant, _ := flatCtx[of.TargetingKey].(string); tenant != "" {
		return tenant
	}
	return flags.From(ctx).Tenant
}

// asked appends to list the attributes of these names.
func asked(ctx context.Context, flatCtx of.FlattenedContext, names []string, list []flags.Attr) []flags.Attr {
	for _, name := range names {
		if value, ok := flatCtx[name]; ok {
			if a, ok := attr(name, value); ok {
				list = append(list, a)
				continue
			}
		}
		for _, a := range flags.From(ctx).Attrs {
			if a.Name() == name {
				list = append(list, a)
				break
			}
		}
	}
	return list
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
