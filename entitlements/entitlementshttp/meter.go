package entitlementshttp

import (
	"context"
	"net/http"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// Meter returns a middleware that counts what a request uses. It reserves the quantity before the handler runs, so
// that the limit cannot be passed, and settles when the handler's answer begins:
//
//   - Before the status line of a 2xx leaves, or of a 101, the hold is committed. The answer waits for that; when it
//     cannot be done the client gets a 503, and nothing of the handler's answer.
//   - Any other status releases the hold. So does a handler that panics, which goes on panicking, and a client that
//     has gone before the answer began: a handler whose work stands all the same calls [Reserved.Commit] as soon as
//     it does, or a client could hang up on every request and pay for none.
//   - A handler that writes nothing has answered 200. The first Write or Flush begins a 200. Taking the connection
//     over (Hijack) commits; when that cannot be done the connection is closed.
//
// The handler finds its hold by [Reservation] and may set the actual quantity until the answer begins, so the size of
// a streamed answer must be known before its first byte. A quantity of 0 passes without a hold, whatever the plan;
// nil means Units(1). What a refusal answers stands in the package's table of statuses. Meters may be nested: each
// settles its own feature, the inner one first, and the outer one's failure does not take the inner one's use back.
//
// It panics when gate or tenant is nil.
func Meter(gate *entitlements.Gate, feature string, quantity QuantityFunc, tenant TenantFunc, opts *Options) func(http.Handler) http.Handler {
	if quantity == nil {
		quantity = Units(1)
	}
	m := &meter{service: newService(gate, tenant, opts), feature: feature, quantity: quantity}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(w, r, next) })
	}
}

type meter struct {
	service
	feature  string
	quantity QuantityFunc
}

func (m *meter) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	tenant, ok := m.identify(w, r)
	if !ok {
		return
	}
	use, err := m.use(r, tenant)
	if err != nil {
		m.fail(w, r, err)
		return
	}
	if use.Quantity == 0 {
		next.ServeHTTP(w, r)
		return
	}
	reserved, err := m.reserve(r.Context(), use)
	switch {
	case err != nil:
		m.fail(w, r, err)
	case !reserved.Decision.Allowed:
		m.refuse(w, r, reserved.Decision, use.Quantity)
	default:
		m.run(w, r, next, reserved)
	}
}

// use reads from r what is asked for.
func (m *meter) use(r *http.Request, tenant string) (entitlements.Use, error) {
	quantity, err := m.quantity(r)
	if err != nil {
		return entitlements.Use{}, err
	}
	if quantity < 0 || quantity > entitlements.MaxQuantity {
		return entitlements.Use{}, tenon.Invalid("quantity", "is not within 0 and %d", entitlements.MaxQuantity)
	}
	key, err := m.key(r)
	return entitlements.Use{Tenant: tenant, Feature: m.feature, Quantity: quantity, Key: key}, err
}

// reserve takes the hold. It outlives the client, who may have gone when the hold is there: nobody would know its id.
func (m *meter) reserve(ctx context.Context, use entitlements.Use) (*Reserved, error) {
	ctx, cancel := m.detached(ctx)
	defer cancel()
	found, state, err := m.take(ctx, use)
	return &Reserved{Reservation: found, service: m.service, actual: use.Quantity, state: state}, hostFault(err)
}

// run serves the request over its hold. Every way out of the handler settles it.
func (m *meter) run(w http.ResponseWriter, r *http.Request, next http.Handler, reserved *Reserved) {
	defer reserved.release(r.Context())
	if err := r.Context().Err(); err != nil { // gone, or out of time, while it was reserved
		m.fail(w, r, err)
		return
	}
	answer := newWriter(w, r, reserved)
	next.ServeHTTP(answer, r.WithContext(context.WithValue(r.Context(), reservedKey{}, reserved)))
	answer.finish()
}
