package directory

import (
	"context"
	"log/slog"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/option"
	"github.com/transbotai/tenon/internal/storeclock"
)

// Limits knows how many partners a tenant's plan lets it list.
type Limits interface {
	// Limit returns the limit, -1 where there is none. An error keeps a partner from being listed.
	Limit(ctx context.Context, tenant string) (int64, error)
}

// Options of a [Book]. The zero value of each field has the documented meaning; a negative value means the same.
type Options struct {
	// Policy says which documents partners need, and when somebody is told.
	Policy Policy
	// Limits is asked before a partner is listed; nil: there is no limit.
	Limits Limits
	// Key signs cursors and invitations, and is the same on every instance. Zero: a random one, so that they serve
	// this process alone.
	Key tenon.Secret
	// InvitationTTL is how long an invitation can be accepted; 0 means 30 days.
	InvitationTTL time.Duration
	// Every is how often Run looks for papers that are due; 0 means 1 minute.
	Every time.Duration
	// Batch bounds how many partners Run settles in one transaction; 0 means 500.
	Batch int
	// Timeout bounds one call of the store; 0 means 5 seconds. Run takes six times as long for a batch.
	Timeout time.Duration
	// Logger is told what nobody is waiting for. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	if v.Key.IsZero() {
		v.Key = newKey()
	}
	v.InvitationTTL = option.Positive(v.InvitationTTL, 30*24*time.Hour)
	v.Every = option.Positive(v.Every, time.Minute)
	v.Batch = option.Positive(v.Batch, 500)
	v.Timeout = option.Positive(v.Timeout, 5*time.Second)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Book is the directory: it lists partners, finds them and watches their papers. Its methods may be called
// concurrently.
type Book struct {
	store   Store
	options Options
	policy  Policy
	mark    string // of the policy
	fault   error  // of the policy; every call that would follow it returns it
	clock   *storeclock.Clock
	cursors cursors
	stats   *counts
}

// NewBook returns a book over store. It does no I/O and starts nothing. A policy that cannot be followed is reported by
// the calls that would follow it. When [Book.Run] runs nowhere, papers expire and partners are hidden on time, and
// nobody is told until somebody calls [Book.Settle].
func NewBook(store Store, opts *Options) *Book {
	b := &Book{store: store, options: opts.withDefaults(), clock: &storeclock.Clock{}, stats: &counts{}}
	b.policy, b.fault = b.options.Policy.withDefaults()
	b.mark, b.cursors = b.policy.mark(), cursors{sealer(b.options.Key)}
	return b
}

// WithStore returns a book that works in s, usually a store bound to the caller's transaction.
func (b *Book) WithStore(s Store) *Book {
	bound := *b
	bound.store = s
	return &bound
}

// change edits a partner at the store's time and settles what follows.
func (b *Book) change(ctx context.Context, ref Ref, edit func(*Dossier, time.Time) (Effects, error)) (*Dossier, error) {
	if b.fault != nil {
		return nil, prefix(b.fault)
	}
	if !ref.possible() {
		return nil, ErrUnknownPartner
	}
	now, err := b.now(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	d, err := b.store.Change(ctx, ref, func(d *Dossier) (Effects, error) {
		effects, err := edit(d, now)
		d.Tidy()
		b.policy.settle(d)
		return effects, err
	})
	return d, prefix(err)
}

// revise edits a partner that is there.
func (b *Book) revise(ctx context.Context, ref Ref, edit func(*Dossier, time.Time) (Effects, error)) (*Dossier, error) {
	return b.change(ctx, ref, func(d *Dossier, now time.Time) (Effects, error) {
		if d.Version == 0 || !d.DeletedAt.IsZero() {
			return Effects{}, ErrUnknownPartner
		}
		effects, err := edit(d, now)
		if len(effects.Changes) > 0 {
			d.UpdatedAt = now
		}
		return effects, err
	})
}

// Partner returns everything about a partner. One that was removed is an [ErrUnknownPartner].
func (b *Book) Partner(ctx context.Context, ref Ref) (*Dossier, error) {
	if !ref.possible() {
		return nil, ErrUnknownPartner
	}
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	d, err := b.store.Load(ctx, ref)
	if err == nil && !d.DeletedAt.IsZero() {
		return nil, ErrUnknownPartner
	}
	return d, err
}

// List returns partners for those who may see drafts. A Limit of 0 means 50; more than 500 is 500.
func (b *Book) List(ctx context.Context, q ListQuery) ([]*Dossier, error) {
	q.Limit = listLimit(q.Limit)
	if q.After != "" && !isUUID(q.After) {
		return nil, prefix(tenon.Invalid("after", "is not a UUID in lower case"))
	}
	switch q.Status {
	case "", Draft, Submitted, Published:
	default:
		return nil, prefix(tenon.Invalid("status", "%.20q is not draft, submitted or published", q.Status))
	}
	if err := checkText("tenant", q.Tenant, maxName, false); err != nil {
		return nil, prefix(err)
	}
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	return b.store.List(ctx, q)
}

// listLimit is how many partners a page has at most, where so many were asked for.
func listLimit(asked int) int {
	if asked <= 0 {
		return 50
	}
	return min(asked, 500)
}

func (b *Book) now(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	return b.clock.Now(ctx, b.store)
}
