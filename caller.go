package tenon

import "context"

// Caller says who acts. Whose data is touched is never taken from it: that is always an argument of its own.
// A field that is not known is empty.
type Caller struct {
	Tenant     string // the company that the actor belongs to
	Actor      string // the person, key or job that acts
	OnBehalfOf string // whom the actor stands in for: support signed in as a customer
	IP         string
	UserAgent  string
	RequestID  string
	TraceID    string
}

type callerKey struct{}

// WithCaller returns a context that carries c.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the caller that ctx carries, and false with a zero Caller when it carries none.
func CallerFrom(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}
