package entitlements

import (
	"context"
	"time"

	"github.com/transbotai/tenon"
)

// Store keeps the catalogue, tenants' rights and what they used. It decides nothing by itself: [Account], [Versions]
// and the functions that it is handed do. Methods may be called concurrently, by many processes. A store reads no
// clock and mints no id.
//
// When the store is away, every method returns an error of the class [tenon.ErrUnavailable].
type Store interface {
	// Settle carries out ops and returns an outcome for each, in order. Operations of one tenant and feature are
	// decided in their order, none of them before the subscription ([Op.NotBefore]). What was accepted is durable when
	// Settle returns; if the store is bound to a caller's transaction, when that commits. An operation that is refused
	// or fails has written nothing, and fails no other. An error means that nothing is known of any operation that has
	// no outcome; all may be sent again, since every operation that writes has a key.
	Settle(ctx context.Context, ops []Op) ([]Outcome, error)

	// Load returns the standing of each of tenants at now, in their order, from one consistent view. A tenant that
	// nobody subscribed has Rights with a nil Entitlement.
	Load(ctx context.Context, tenants []string, now time.Time) ([]Standing, error)

	// Change locks the tenant's rights, hands a copy to edit, stores the result with the next revision, rewrites the
	// history from now on ([Entitlement.Spells]), breaks the seals of the tenant's counters, and hands the changes
	// that edit returns to the recorder, all in one transaction. When edit returns an error nothing is written and
	// the error is returned. Edit may be called more than once and must have no other effect. A tenant that nobody
	// subscribed gets its first rights.
	Change(ctx context.Context, tenant string, now time.Time, edit Edit) (*Rights, error)

	// Versions returns the stored catalogue. An empty one is not an error.
	Versions(ctx context.Context) (*Versions, error)

	// Declare lays c over the stored catalogue ([Versions.Apply]) and returns what changed.
	Declare(ctx context.Context, c Catalog, now time.Time) (CatalogDiff, error)
}

// Edit changes a tenant's rights in place, and says what it changed. The rights stand as of now.
type Edit func(r *Rights, v *Versions) ([]tenon.Change, error)

// Standing is a tenant's rights and what it has used of them.
type Standing struct {
	Rights   *Rights
	Counters map[string][]Counter // by feature: those whose period holds the instant asked for, without expired holds
}

// Reporter is what a store may do beside, for people who look back.
type Reporter interface {
	// Usage returns the buckets of q that hold events, by start. q is valid.
	Usage(ctx context.Context, q UsageQuery) ([]Bucket, error)

	// History returns the tenant's plans over time, oldest first, those to come included.
	History(ctx context.Context, tenant string) ([]Spell, error)

	// Holds returns the tenant's open holds of a feature that have not expired at now, oldest first.
	Holds(ctx context.Context, tenant, feature string, now time.Time) ([]StoredHold, error)

	// Reconcile compares every counter and grant with the events, draws and open holds, for one tenant, or for all
	// when tenant is empty, and returns what differs. With repair it sets them right.
	Reconcile(ctx context.Context, tenant string, repair bool) ([]Drift, error)
}

// Watcher is what a store offers that learns of changes which other processes make.
type Watcher interface {
	// Watch calls changed with each tenant whose rights changed, and with "" when the catalogue changed or when
	// changes may have been missed, until cancel is called. It may call from any goroutine and does not wait.
	Watch(changed func(tenant string)) (cancel func())
}

// Drift is a number that differs from what it counts.
type Drift struct {
	Tenant  string
	Feature string
	What    string // "counter month 2026-03-01T00:00:00Z used", "grant 0198… held"
	Stored  int64
	Counted int64
}
