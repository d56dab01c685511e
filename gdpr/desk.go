package gdpr

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/option"
)

// Act is what somebody wants to do with a subject's data.
type Act string

// The acts.
const (
	ActAsk      Act = "ask"      // hand a request in
	ActRead     Act = "read"     // see requests
	ActVerify   Act = "verify"   // say that the one who asks is the one they say
	ActExtend   Act = "extend"   // put the due date off
	ActRefuse   Act = "refuse"   // a request
	ActWithdraw Act = "withdraw" // a request, and so restore what was marked
	ActPlan     Act = "plan"     // see what an erasure would do
	ActHold     Act = "hold"     // place, see and release legal holds
	ActDownload Act = "download" // an export
)

// Asked is what [May] is asked.
type Asked struct {
	tenon.Caller
	Act     Act
	Subject tenon.Subject
}

// May says who may do what: nil lets it happen, an error refuses it and is told, as a [tenon.ErrDenied] when it has no
// class. It is asked for every call that a person makes. Before it is, the desk refuses who is not known, and a company
// that asks for another's data.
type May func(ctx context.Context, a Asked) error

// Tables works on the host's own tables. Its methods may be called again after any failure, a process that died
// included, and then go on. They lock what they do against each other: of a deletion that is erased nothing is restored,
// and one that was restored is not marked again, which is a [tenon.ErrConflict]. What they count is over all calls for the
// deletion, so that nothing is counted twice or lost.
type Tables interface {
	// Plan returns what an erasure of s would do, and changes nothing.
	Plan(ctx context.Context, s tenon.Subject) (Plan, error)

	// Mark marks the subject's rows as deleted and returns how many in each table. Those that are marked already stay
	// as they are.
	Mark(ctx context.Context, d Deletion) (map[string]int64, error)

	// Restore takes exactly the marks of d back, and returns how many in each table.
	Restore(ctx context.Context, d Deletion) (map[string]int64, error)

	// Erase does what the plan says. It returns when all is done, or with an error that says what is not, the rest
	// being done. A schema that is not the plan's is a [tenon.ErrConflict] and nothing is done.
	Erase(ctx context.Context, d Deletion, p Plan) (Erasure, error)
}

// Packer writes what is kept about a subject. Both methods read one view of the database, in constant memory.
type Packer interface {
	// Pack writes an archive with everything: see [Manifest].
	Pack(ctx context.Context, s tenon.Subject, w io.Writer) (Manifest, error)

	// Document writes one JSON document: an object with a field for each table.
	Document(ctx context.Context, s tenon.Subject, w io.Writer) error
}

// Satellite is something else that keeps data about subjects: a package of tenon's, Stripe's customer, files, a search
// index.
type Satellite struct {
	Name   string
	Eraser tenon.Eraser
	// Exporter, where there is one, is asked after an erasure whether anything is left, which is then a failure.
	Exporter tenon.Exporter
	// After names satellites that must have confirmed before this one is asked, since they need what it keeps.
	After []string
	// Keeps says that what is left no longer says whose it is, as in an audit log.
	Keeps bool
}

// Options of a [Desk]. The zero value of each field has the documented meaning; a negative duration means the same, but
// for Grace and Warn.
type Options struct {
	// Grace is how long what was marked can be restored before it is erased; 0 means 14 days, negative none. It should
	// leave time for the erasure before a request is due.
	Grace time.Duration
	// Satellites are erased after the host's own tables, in their order.
	Satellites []Satellite
	// Packer makes exports. Nil: requests for an export are refused.
	Packer Packer
	// Files keeps exports. It is required with a Packer.
	Files Files
	// Links signs links to exports: the first key signs, all are accepted. Without one there are no links.
	Links []Secret
	// KeepFiles is how long an export can be fetched; 0 means 7 days.
	KeepFiles time.Duration
	// Scratch is the folder in which an export is made before it is handed to Files; empty means the system's.
	Scratch string
	// Warn is how long before its due date somebody is told of an open request; 0 means 7 days, negative never.
	Warn time.Duration
	// Backoff is what passes after a first failure of a step; it doubles with each one, up to MaxBackoff. 0 means 10
	// seconds, and 1 hour for MaxBackoff.
	Backoff, MaxBackoff time.Duration
	// Every is how often Run looks for work; 0 means 5 seconds.
	Every time.Duration
	// Lease is how long an instance that has died holds up what it was working on; 0 means 1 minute.
	Lease time.Duration
	// Timeout bounds one call of the store; 0 means 5 seconds.
	Timeout time.Duration
	// Logger is told what nobody is waiting for. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	v.Grace = max(cmp.Or(v.Grace, 14*24*time.Hour), 0)
	v.Warn = cmp.Or(v.Warn, 7*24*time.Hour)
	v.KeepFiles = option.Positive(v.KeepFiles, 7*24*time.Hour)
	v.Backoff = option.Positive(v.Backoff, 10*time.Second)
	v.MaxBackoff = option.Positive(v.MaxBackoff, time.Hour)
	v.Every = option.Positive(v.Every, 5*time.Second)
	v.Lease = option.Positive(v.Lease, time.Minute)
	v.Timeout = option.Positive(v.Timeout, 5*time.Second)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Desk takes requests and sees them through. Its methods may be called concurrently, by many processes.
type Desk struct {
	store   Store
	tables  Tables
	asks    May
	options Options
	counts  *counts
	bound   bool // to a transaction of the caller's
}

// NewDesk returns a desk that keeps requests in store and works on tables. It does no I/O and starts nothing. When
// [Desk.Run] is never started, requests are received and marked, and nothing is erased, exported, tried again or told
// when it is overdue.
func NewDesk(store Store, tables Tables, may May, opts *Options) *Desk {
	return &Desk{store: store, tables: tables, asks: may, options: opts.withDefaults(), counts: &counts{}}
}

// WithStore returns a desk that keeps requests in s, usually a store bound to the caller's transaction. It leaves to Run
// what [Desk.Verify] and [Desk.Withdraw] would do at once, since nobody knows yet whether the transaction commits.
func (d *Desk) WithStore(s Store) *Desk {
	with := *d
	with.store, with.bound = s, true
	return &with
}

// may returns who asks, or why they may not.
func (d *Desk) may(ctx context.Context, act Act, s tenon.Subject) (tenon.Caller, error) {
	caller, ok := tenon.CallerFrom(ctx)
	switch {
	case s.Tenant == "" && act != ActRead:
		return caller, prefix(tenon.Invalid("tenant", "is empty"))
	case checkID("tenant", s.Tenant) != nil:
		return caller, prefix(checkID("tenant", s.Tenant))
	case checkID("user", s.User) != nil:
		return caller, prefix(checkID("user", s.User))
	case !ok || caller.Actor == "":
		return caller, ErrNobody
	case caller.Tenant != "" && caller.Tenant != s.Tenant:
		return caller, ErrNotYours
	}
	err := d.asks(ctx, Asked{Caller: caller, Act: act, Subject: s})
	if err != nil && !classed(err) {
		err = denied{err}
	}
	return caller, err
}

// denied gives an error of the host's the class that it lacks.
type denied struct{ error }

func (e denied) Unwrap() []error { return []error{tenon.ErrDenied, e.error} }

func classed(err error) bool {
	for _, class := range []error{tenon.ErrNotFound, tenon.ErrConflict, tenon.ErrInvalid, tenon.ErrDenied, tenon.ErrUnavailable} {
		if errors.Is(err, class) {
			return true
		}
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// hide makes what belongs to another company look as if it were not there.
func hide(err, unknown error) error {
	if errors.Is(err, ErrNotYours) {
		return unknown
	}
	return err
}

func (d *Desk) load(ctx context.Context, tenant string) (*Case, error) {
	ctx, cancel := context.WithTimeout(ctx, d.options.Timeout)
	defer cancel()
	return d.store.Load(ctx, tenant)
}

func (d *Desk) change(ctx context.Context, tenant string, edit Edit) (*Case, error) {
	ctx, cancel := context.WithTimeout(ctx, d.options.Timeout)
	defer cancel()
	return d.store.Change(ctx, tenant, edit)
}

func (d *Desk) now(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, d.options.Timeout)
	defer cancel()
	shared, ok := d.store.(tenon.Clock)
	if !ok {
		return tenon.Instant(time.Now()), nil
	}
	at, err := shared.Clock(ctx)
	return tenon.Instant(at), err
}

// The most bytes that an id and a text may have.
const (
	maxID   = 500
	maxText = 4000
)

func checkID(field, value string) error {
	if len(value) > maxID || !storable(value) {
		return tenon.Invalid(field, "is longer than %d bytes, or not text", maxID)
	}
	return nil
}

func checkText(field, value string, required bool) error {
	switch {
	case required && strings.TrimSpace(value) == "":
		return prefix(tenon.Invalid(field, "is empty"))
	case len(value) > maxText || !storable(value):
		return prefix(tenon.Invalid(field, "is longer than %d bytes, or not text", maxText))
	}
	return nil
}

// storable says whether Postgres can keep s.
func storable(s string) bool {
	for _, r := range s {
		if r == 0 {
			return false
		}
	}
	return utf8.ValidString(s)
}
