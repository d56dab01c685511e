package ratelimit

import "github.com/transbotai/tenon"

// Key names who or what is limited. Two keys are the same when both fields are.
type Key struct {
	Tenant string // whose key it is, so that it can be erased with the tenant; empty when it is nobody's
	Name   string // what is limited: the id of an API key, a user, an address. Empty: the tenant as a whole
}

// MaxKeyBytes bounds Tenant and Name together.
const MaxKeyBytes = 1024

func (k Key) check() error {
	switch {
	case k.Tenant == "" && k.Name == "":
		return invalid("key", "is empty")
	case len(k.Tenant)+len(k.Name) > MaxKeyBytes:
		return invalid("key", "is longer than %d bytes", MaxKeyBytes)
	}
	return nil
}

// Belongs says whether k is one of the keys that are erased with s: all of a tenant, or those that are named after a
// user of it.
func (k Key) Belongs(s tenon.Subject) bool {
	return k.Tenant == s.Tenant && (s.User == "" || k.Name == s.User)
}
