package entitlementshttp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

const (
	maxKey      = 255 // bytes of an Idempotency-Key
	maxAttempts = 50  // requests under one key of which none succeeded
)

var (
	errInProgress = fmt.Errorf("entitlementshttp: a request with this key is being worked on: %w", tenon.ErrConflict)
	errWornOut    = fmt.Errorf("entitlementshttp: a key failed %d times: %w", maxAttempts, tenon.ErrConflict)
)

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

// reservation is what take found.
type reservation struct {
	entitlements.Reservation
	state state
}

// take reserves u. A key answers with the hold that it once made, whatever became of that: counted lets the request
// through without counting, an open hold belongs to a request that is being worked on, and one that was given back or
// has expired counted nothing and stays closed, so that the next attempt has a key of its own.
func (m *meter) take(ctx context.Context, u entitlements.Use) (reservation, error) {
	base := u.Key
	for attempt := 1; attempt <= maxAttempts; attempt++ {
		if attempt > 1 {
			u.Key = base + "/" + strconv.Itoa(attempt)
		}
		found, err := m.gate.Reserve(ctx, u, m.options.HoldFor)
		if err != nil || !found.Decision.Replayed {
			return reservation{Reservation: found}, err
		}
		s, err := m.inspect(ctx, u, found.Hold)
		if err != nil || s == counted {
			return reservation{Reservation: found, state: s}, err
		}
	}
	return reservation{}, errWornOut
}

// inspect returns what became of a hold that an earlier request made: counted or released. An open one is an error.
func (m *meter) inspect(ctx context.Context, u entitlements.Use, h entitlements.Hold) (state, error) {
	if h.ID == "" {
		return counted, nil // so long ago that only the key is left
	}
	x, err := m.gate.Explain(ctx, u.Tenant, u.Feature)
	if err != nil {
		return open, err
	}
	if slices.ContainsFunc(x.Holds, func(o entitlements.StoredHold) bool { return o.ID == h.ID }) {
		return open, errInProgress
	}
	// A closed hold never opens again, so releasing it changes nothing and tells which it is.
	if err := m.gate.Release(ctx, h); errors.Is(err, entitlements.ErrHoldClosed) {
		return counted, nil
	} else if err != nil {
		return open, err
	}
	return released, nil
}
