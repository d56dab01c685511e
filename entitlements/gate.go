package entitlements

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/transbotai/tenon/internal/option"
	"github.com/transbotai/tenon/internal/spool"
)

// Options of a [Gate]. The zero value of each field has the documented meaning; a negative value means the same.
type Options struct {
	// Refresh is how often Run brings the views that are in use up to date; 0 means 1 second.
	Refresh time.Duration
	// MaxAge bounds the age of the view that Check answers from: an older one is loaded again by the call itself.
	// 0 means 5 seconds.
	MaxAge time.Duration
	// MaxTenants bounds how many tenants' views are kept in memory; the least used go. 0 means 10,000.
	MaxTenants int
	// Timeout bounds one call of the store; 0 means 5 seconds.
	Timeout time.Duration
	// SpoolDir is a folder for use that was accepted by policy while the store was away; Run counts it later. Empty:
	// such use is not kept, and its Decision says Uncounted. Several processes may share the folder.
	SpoolDir string
	// Drain bounds how long Run still works when its context is done; 0 means 10 seconds.
	Drain time.Duration
	// Logger is told what nobody is waiting for: refreshes that fail, spooled use. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	v.Refresh = option.Positive(v.Refresh, time.Second)
	v.MaxAge = option.Positive(v.MaxAge, 5*time.Second)
	v.Timeout = option.Positive(v.Timeout, 5*time.Second)
	v.Drain = option.Positive(v.Drain, 10*time.Second)
	v.MaxTenants = option.Positive(v.MaxTenants, 10_000)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Gate answers who may use what, how much, and how much is left. Its methods may be called concurrently. [Gate.Check]
// advises from memory; [Gate.Consume] and [Gate.Reserve] decide in the store.
type Gate struct {
	store   timed
	options Options
	bound   bool
	parent  *shared // of a Gate made by WithStore: what it may read and not write
	*shared
}

// shared is what a Gate keeps in memory. A Gate made by WithStore has one of its own that stays empty.
type shared struct {
	views    *views
	clock    clock
	catalog  atomic.Pointer[Versions]
	features atomic.Pointer[features] // of the catalogue that views were last made from

	catalogRead atomic.Int64 // when, in nanoseconds of the local clock
	away        atomic.Int64 // when the store was last found away, in nanoseconds of the local clock; 0: it was not
	stats       counters
	spool       *spool.Spool[spooled]
}

// NewGate returns a Gate over store. It does no I/O and starts nothing. When [Gate.Run] is never started, Check loads
// a tenant's view again by itself once it is older than Options.MaxAge, and spooled use stays on disk.
func NewGate(store Store, opts *Options) *Gate {
	o := opts.withDefaults()
	return &Gate{store: timed{store, o.Timeout}, options: o, shared: newShared(o)}
}

func newShared(o Options) *shared {
	return &shared{views: newViews(o.MaxTenants), spool: newSpool(o.SpoolDir)}
}

// WithStore returns a Gate that works in s, usually a store bound to the caller's transaction. It touches no view of g
// and spools nothing: what it decides holds when the transaction commits, and an unavailable store is an error. It
// shares g's clock.
func (g *Gate) WithStore(s Store) *Gate {
	return &Gate{store: timed{s, g.options.Timeout}, options: g.options, bound: true, parent: g.shared, shared: &shared{
		views: newViews(1), clock: clock{from: &g.clock}, spool: newSpool(""),
	}}
}

// Forget makes what g has in memory of the tenant too old to serve. Call it after the commit of a transaction in which a
// Gate of [Gate.WithStore] used something, where the next Check must know of it at once.
func (g *Gate) Forget(tenant string) { g.views.expire(tenant) }

// now returns the store's time. Only the first call asks the store.
func (g *Gate) now(ctx context.Context) (time.Time, error) { return g.clock.now(ctx, g.store) }

// Now returns the store's time, which decides when periods, trials and holds end. Only the first call asks the store.
func (g *Gate) Now(ctx context.Context) (time.Time, error) { return g.now(ctx) }

// versions returns the catalogue: the one in memory, or the stored one when nothing is in memory yet or when the gate
// is bound to a transaction.
func (g *Gate) versions(ctx context.Context) (*Versions, error) {
	known := g.catalog.Load()
	if known != nil && !g.bound && g.recent() {
		return known, nil
	}
	v, err := g.reloadCatalog(ctx)
	if known != nil && isAway(err) {
		return known, nil
	}
	return v, err
}

// recent says whether the catalogue in memory was read less than Options.MaxAge ago.
func (g *Gate) recent() bool {
	return time.Since(time.Unix(0, g.catalogRead.Load())) < g.options.MaxAge
}

func (g *Gate) reloadCatalog(ctx context.Context) (*Versions, error) {
	v, err := g.store.Versions(ctx)
	if err != nil {
		return nil, err
	}
	g.catalogRead.Store(time.Now().UnixNano())
	for !g.bound {
		old := g.catalog.Load()
		if old != nil && old.Revision >= v.Revision || g.catalog.CompareAndSwap(old, v) {
			break
		}
	}
	return v, nil
}

// ApplyCatalog declares c: features, plans and add-ons. It is idempotent. A plan or add-on that changed gets a new
// version, which tenants are moved to by [Gate.ChangePlan] and no other way; one that c no longer names takes no new
// subscribers. No balance changes.
func (g *Gate) ApplyCatalog(ctx context.Context, c Catalog) (CatalogDiff, error) {
	now, err := g.now(ctx)
	if err != nil {
		return nil, err
	}
	diff, err := g.store.Declare(ctx, c, now)
	if err != nil {
		return nil, err
	}
	g.catalog.Store(nil)
	_, err = g.reloadCatalog(ctx)
	g.views.each((*view).expire)
	return diff, err
}

// DiffCatalog returns what [Gate.ApplyCatalog] would change, and changes nothing.
func (g *Gate) DiffCatalog(ctx context.Context, c Catalog) (CatalogDiff, error) {
	v, err := g.store.Versions(ctx)
	if err != nil {
		return nil, err
	}
	_, diff, err := v.Apply(c)
	return diff, err
}

// Catalog returns the stored catalogue as it is known in this process: at most as old as Options.Refresh when Run is
// running, and as Options.MaxAge otherwise. It must not be changed.
func (g *Gate) Catalog(ctx context.Context) (*Versions, error) { return g.versions(ctx) }

// Stats is what a Gate did since it was made.
type Stats struct {
	Loads       int64         // of a tenant's view
	Allowed     int64         // Consume and Reserve
	Refused     int64         // Consume and Reserve
	Unknown     int64         // decided by policy
	Spooled     int64         // uses waiting on disk that this process wrote
	Uncounted   int64         // uses accepted by policy with nowhere to keep them
	Tenants     int           // views in memory
	OldestView  time.Duration // of those in use when Run last refreshed
	LastRefresh time.Time
	LastError   string // of Run's last round; empty when it went well
	SetAside    int64  // lines of a spool that could not be counted, kept beside it
}

type counters struct {
	loads, allowed, refused, unknown, uncounted, setAside atomic.Int64
	oldest                                                atomic.Int64
	refreshed                                             atomic.Pointer[time.Time]
	lastError                                             atomic.Pointer[string]
}

// Stats returns the present counts.
func (g *Gate) Stats() Stats {
	s := Stats{
		Loads: g.stats.loads.Load(), Allowed: g.stats.allowed.Load(),
		Refused: g.stats.refused.Load(), Unknown: g.stats.unknown.Load(), Spooled: g.spool.Left(),
		Uncounted: g.stats.uncounted.Load(), SetAside: g.stats.setAside.Load(), Tenants: g.views.len(),
		OldestView: time.Duration(g.stats.oldest.Load()),
	}
	if t := g.stats.refreshed.Load(); t != nil {
		s.LastRefresh = *t
	}
	if e := g.stats.lastError.Load(); e != nil {
		s.LastError = *e
	}
	return s
}
