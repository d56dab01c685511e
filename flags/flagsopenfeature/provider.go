package flagsopenfeature

import (
	"context"
	"sync"
	"sync/atomic"

	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/transbotai/tenon/flags"
)

// VersionKey is the metadata's key of a flag's version, an int64.
const VersionKey = flags.VersionKey

// Options of a [Provider]. The zero value of each field has the documented meaning.
type Options struct {
	// Name is the provider's in OpenFeature's metadata; empty means "tenon".
	Name string
	// Hooks run on every evaluation by this provider.
	Hooks []of.Hook
	// Track is told of what clients track. Nil: nobody is.
	Track func(ctx context.Context, event string, evalCtx of.EvaluationContext, details of.TrackingEventDetails)
}

// Provider evaluates a set's flags for OpenFeature. Its methods may be called concurrently.
type Provider struct {
	set     *flags.Set
	options Options
	closed  atomic.Bool
	events  *events
}

var (
	_ of.FeatureProvider          = (*Provider)(nil)
	_ of.ContextAwareStateHandler = (*Provider)(nil)
	_ of.EventHandler             = (*Provider)(nil)
	_ of.Tracker                  = (*Provider)(nil)
)

// New returns a provider of set's flags. It does no I/O and starts nothing.
func New(set *flags.Set, opts *Options) *Provider {
	p := &Provider{set: set, events: newEvents()}
	if opts != nil {
		p.options = *opts
	}
	if p.options.Name == "" {
		p.options.Name = "tenon"
	}
	return p
}

// Metadata implements [of.FeatureProvider].
func (p *Provider) Metadata() of.Metadata { return of.Metadata{Name: p.options.Name} }

// Hooks implements [of.FeatureProvider].
func (p *Provider) Hooks() []of.Hook { return p.options.Hooks }

// Track implements [of.Tracker].
func (p *Provider) Track(ctx context.Context, event string, evalCtx of.EvaluationContext, details of.TrackingEventDetails) {
	if p.options.Track != nil {
		p.options.Track(ctx, event, evalCtx, details)
	}
}

// BooleanEvaluation implements [of.FeatureProvider].
func (p *Provider) BooleanEvaluation(
	ctx context.Context, flag string, defaultValue bool, flatCtx of.FlattenedContext,
) of.BoolResolutionDetail {
	return evaluate(ctx, p, flags.TypeBool, flag, defaultValue, flatCtx)
}

// StringEvaluation implements [of.FeatureProvider].
func (p *Provider) StringEvaluation(
	ctx context.Context, flag string, defaultValue string, flatCtx of.FlattenedContext,
) of.StringResolutionDetail {
	return evaluate(ctx, p, flags.TypeString, flag, defaultValue, flatCtx)
}

// FloatEvaluation implements [of.FeatureProvider].
func (p *Provider) FloatEvaluation(
	ctx context.Context, flag string, defaultValue float64, flatCtx of.FlattenedContext,
) of.FloatResolutionDetail {
	return evaluate(ctx, p, flags.TypeFloat, flag, defaultValue, flatCtx)
}

// IntEvaluation implements [of.FeatureProvider].
func (p *Provider) IntEvaluation(
	ctx context.Context, flag string, defaultValue int64, flatCtx of.FlattenedContext,
) of.IntResolutionDetail {
	return evaluate(ctx, p, flags.TypeInt, flag, defaultValue, flatCtx)
}

// ObjectEvaluation implements [of.FeatureProvider]. The value is what package encoding/json makes of it.
func (p *Provider) ObjectEvaluation(
	ctx context.Context, flag string, defaultValue any, flatCtx of.FlattenedContext,
) of.InterfaceResolutionDetail {
	d := evaluate(ctx, p, flags.TypeJSON, flag, defaultValue, flatCtx)
	if d.Variant != "" {
		d.Value = copied(d.Value)
	}
	return d
}

// copied returns a value that shares nothing with v, which everybody gets who asks.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[key] = copied(value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, value := range v {
			list[i] = copied(value)
		}
		return list
	default:
		return v
	}
}

// evaluate asks the set, for the one that flatCtx and ctx speak of.
func evaluate[T any](
	ctx context.Context, p *Provider, want flags.Type, flag string, defaultValue T, flatCtx of.FlattenedContext,
) (r of.GenericResolutionDetail[T]) {
	r.Value = defaultValue
	if p.closed.Load() {
		r.Reason, r.ResolutionError = of.ErrorReason, errClosed
		return r
	}
	look := p.set.Look(flag)
	a := ask(ctx, &look, want, flatCtx)
	r.Variant, r.Reason = a.Variant, of.Reason(a.Reason)
	if a.Code != flags.CodeNone {
		r.ResolutionError = resolutionErrors[a.Code]
		return r
	}
	r.FlagMetadata = look.Metadata()
	value, ok := a.Value.(T)
	if ok || a.Variant != "" && a.Value == nil { // JSON's null
		r.Value = value
	}
	return r
}

// ask evaluates with the attributes that matter.
func ask(ctx context.Context, look *flags.Looked, want flags.Type, flatCtx of.FlattenedContext) flags.Answer {
	if look.Still() {
		return look.Answer(want, &nobody)
	}
	who := flags.Who{Tenant: tenantOf(ctx, flatCtx)}
	names := look.Asks()
	if len(names) == 0 {
		return look.Answer(want, &who)
	}
	held := attrs.Get().(*[]flags.Attr)
	who.Attrs = asked(ctx, flatCtx, names, (*held)[:0])
	a := look.Answer(want, &who)
	*held = who.Attrs
	attrs.Put(held)
	return a
}

var nobody flags.Who

// attrs are lists that evaluations use in turn; a set keeps none of them.
var attrs = sync.Pool{New: func() any { return new([]flags.Attr) }}
