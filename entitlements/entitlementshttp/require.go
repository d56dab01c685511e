package entitlementshttp

import (
	"net/http"

	"github.com/transbotai/tenon/entitlements"
)

// Require returns a middleware that lets a request through when the tenant's plan grants the feature, and otherwise
// answers 403 with the plan that does (see the package's table of statuses). It asks [entitlements.Gate.Check], so it
// counts nothing and answers from memory. A limit that is reached does not stop it: that is for [Meter], on the routes
// that use units up. While the store is away the feature's fallback policy decides.
//
// It panics when gate or tenant is nil.
func Require(gate *entitlements.Gate, feature string, tenant TenantFunc, opts *Options) func(http.Handler) http.Handler {
	s := newService(gate, tenant, opts)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s.granted(w, r, feature) {
				next.ServeHTTP(w, r)
			}
		})
	}
}

// granted says whether the tenant's plan has the feature, or answers the request.
func (s service) granted(w http.ResponseWriter, r *http.Request, feature string) bool {
	tenant, ok := s.identify(w, r)
	if !ok {
		return false
	}
	d, err := s.gate.Check(r.Context(), tenant, feature)
	if err != nil {
		s.fail(w, r, hostFault(err))
		return false
	}
	if d.Allowed || d.Reason == entitlements.ReasonLimitReached {
		return true
	}
	s.refuse(w, r, d, 0)
	return false
}
