// Package partners is the platform's partner directory: companies list those whom they work with, and everybody finds
// them.
package partners

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
)

// Feature is what a plan includes so many of: partners that are listed.
const Feature = "directory"

// The services that partners offer, the regions where they do, and the papers that they have.
var (
	Services = []string{"dry-van", "reefer", "flatbed", "hazmat", "drayage", "intermodal", "ltl", "warehousing", "customs", "white-glove"}
	Regions  = []string{"northeast", "southeast", "midwest", "southwest", "west", "northwest", "canada", "mexico"}
	Kinds    = []string{"insurance/cargo", "insurance/liability", "licence/hazmat", "authority/operating"}
)

// policy says which papers partners need: who carries dangerous goods must be licensed to be found.
var policy = directory.Policy{
	Required:    map[string][]string{"hazmat": {"licence/hazmat"}},
	HideExpired: true, Thresholds: []int{30, 14, 7, 1},
}

// Desk looks after the directory.
type Desk struct {
	Book *directory.Book

	pool  *pgxpool.Pool
	opts  directorypg.Options
	rules directory.Options
	gate  *entitlements.Gate
	auto  func(company string) bool
}

// New returns a desk that keeps everything in pool. Key signs cursors and invitations. Auto says whether the partners
// that a company invites are listed without anybody looking at them first.
func New(
	pool *pgxpool.Pool, gate *entitlements.Gate, key tenon.Secret, auto func(company string) bool, opts directorypg.Options, logger *slog.Logger,
) *Desk {
	d := &Desk{pool: pool, opts: opts, gate: gate, auto: auto}
	d.rules = directory.Options{Policy: policy, Limits: limits{gate}, Key: key, Every: 10 * time.Second, Logger: logger}
	d.Book = directory.NewBook(directorypg.New(pool, &opts), &d.rules)
	return d
}

// in returns the book and the gate in a transaction. The book asks that gate what the plan allows: asked of the other
// one, it would wait for a second connection while it holds one.
func (d *Desk) in(tx pgx.Tx, opts *directorypg.Options) (*directory.Book, *entitlements.Gate) {
	gate, rules := d.gate.WithStore(entitlementspg.New(tx, nil)), d.rules
	rules.Limits = limits{gate}
	return directory.NewBook(directorypg.New(tx, opts), &rules), gate
}

// limits asks a company's plan how many partners it may list.
type limits struct{ gate *entitlements.Gate }

// Limit implements [directory.Limits].
func (l limits) Limit(ctx context.Context, company string) (int64, error) {
	d, err := l.gate.Check(ctx, company, Feature)
	switch {
	case err != nil:
		return 0, err
	case !d.Allowed && d.Reason != entitlements.ReasonLimitReached:
		return 0, nil // no plan, or none that includes it
	}
	return d.Hard, nil
}

// Publish lists a partner, and counts it against the company's plan in the same transaction.
func (d *Desk) Publish(ctx context.Context, ref directory.Ref, version int) (p *directory.Publication, err error) {
	err = d.inTx(ctx, ref.Tenant, func(book *directory.Book) (listed int64, err error) {
		if p, err = book.Publish(ctx, ref, version); err != nil {
			return 0, err
		}
		return p.TenantListed, nil
	})
	return p, err
}

// Unpublish takes a partner from the public, and gives its place in the plan back.
func (d *Desk) Unpublish(ctx context.Context, ref directory.Ref, reason string) error {
	return d.inTx(ctx, ref.Tenant, func(book *directory.Book) (int64, error) {
		dossier, err := book.Unpublish(ctx, ref, reason)
		if err != nil {
			return 0, err
		}
		return dossier.TenantListed, nil
	})
}

// Remove takes a partner from the directory. What it was listed as goes first, which gives its place back.
func (d *Desk) Remove(ctx context.Context, ref directory.Ref, reason string) error {
	return d.inTx(ctx, ref.Tenant, func(book *directory.Book) (int64, error) {
		dossier, err := book.Unpublish(ctx, ref, reason)
		if err != nil {
			return 0, err
		}
		return dossier.TenantListed, book.Remove(ctx, ref, reason)
	})
}

// Accept onboards a partner that was invited. Where the company's flag says so it is listed at once.
func (d *Desk) Accept(ctx context.Context, token string) (*directory.Dossier, error) {
	onboarded, err := d.Book.Accept(ctx, token)
	if err != nil || onboarded.Status != directory.Draft || !d.auto(onboarded.Tenant) {
		return onboarded, err
	}
	submitted, err := d.Book.Submit(ctx, onboarded.Ref, onboarded.Version)
	if err != nil {
		return onboarded, err
	}
	p, err := d.Publish(ctx, submitted.Ref, submitted.Version)
	if err != nil {
		return submitted, err
	}
	return p.Dossier, nil
}

// inTx changes the directory and the company's count in one transaction.
func (d *Desk) inTx(ctx context.Context, company string, do func(book *directory.Book) (listed int64, err error)) error {
	return d.inTxWith(ctx, company, &d.opts, do)
}

// inTxWith does the same, and tells whom the options name.
func (d *Desk) inTxWith(
	ctx context.Context, company string, opts *directorypg.Options, do func(book *directory.Book) (listed int64, err error),
) error {
	err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		book, gate := d.in(tx, opts)
		listed, err := do(book)
		if err != nil {
			return err
		}
		return count(ctx, gate, company, listed)
	})
	d.gate.Forget(company)
	return err
}

// count makes the gauge of a company say how many partners it lists.
func count(ctx context.Context, gate *entitlements.Gate, company string, listed int64) error {
	now, err := gate.Check(ctx, company, Feature)
	if err != nil {
		return err
	}
	use := entitlements.Use{Tenant: company, Feature: Feature, Quantity: listed - now.Used}
	switch {
	case use.Quantity > 0:
		if err := gate.Record(ctx, use); err != nil { // what is allowed, the book has decided under its lock
			return fmt.Errorf("count partners: %w", err)
		}
	case use.Quantity < 0:
		use.Quantity = -use.Quantity
		if _, err := gate.Return(ctx, use); err != nil {
			return fmt.Errorf("count partners: %w", err)
		}
	}
	return nil
}

// Jobs are what runs as long as the program, by name.
func (d *Desk) Jobs() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{"directory": d.Book.Run}
}
