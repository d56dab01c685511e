package entitlementshttp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// maxKey bounds an Idempotency-Key, in bytes.
const maxKey = 255

var errInProgress = fmt.Errorf("entitlementshttp: a request with this key is being worked on: %w", tenon.ErrConflict)

// key returns the key under which r is counted; empty for none. A client's key says nothing about another route, so
// the route goes into it. The hash has one length and no odd characters.
func (m *meter) key(r *http.Request) (string, error) {
	given := r.Header.Values("Idempotency-Key")
	if !m.options.IdempotencyKey || len(given) == 0 {
		return "", nil
	}
	if len(given) > 1 || given[0] == "" || len(given[0]) > maxKey {
		return "", tenon.Invalid("idempotency_key", "is not one header of 1 to %d bytes", maxKey)
	}
	h := sha256.New()
	for _, part := range []string{m.feature, r.Method, r.URL.Path, r.URL.RawQuery, given[0]} {
		_, _ = io.WriteString(h, strconv.Quote(part)) // quoted, so that parts cannot run into each other
	}
	return "http:" + hex.EncodeToString(h.Sum(nil)), nil
}

// take reserves u. A key whose hold was committed lets the request through without counting it again; one whose hold is
// open belongs to a request that is being worked on.
func (m *meter) take(ctx context.Context, u entitlements.Use) (entitlements.Reservation, state, error) {
	found, err := m.gate.Reserve(ctx, u, m.options.HoldFor)
	switch {
	case err != nil || !found.Decision.Replayed:
		return found, open, err
	case found.Settled:
		return found, counted, nil
	default:
		return found, open, errInProgress
	}
}
