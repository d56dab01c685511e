package gdpr

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Store keeps requests and legal holds. It decides nothing by itself. Methods may be called concurrently, by many
// processes. A store reads no clock and mints no id. When it is away, every method returns an error of the class
// [tenon.ErrUnavailable].
type Store interface {
	// Load returns a tenant's case. An empty one is not an error. The caller may change what it gets.
	Load(ctx context.Context, tenant string) (*Case, error)

	// Change locks a tenant's case, hands a copy to edit, stores the result, and hands the changes and notifications
	// that edit returns to the recorder and the notifier, all in one transaction. When edit gives the case another
	// Tenant, everything in it is kept under that one and nothing under the old. When edit, the recorder or the
	// notifier returns an error, nothing is written and the error is returned. Edit may be called more than once and
	// must have no other effect. What Change returns is the case after.
	Change(ctx context.Context, tenant string, edit Edit) (*Case, error)

	// List returns requests of all tenants, or of q.Tenant, the newest first. No match is an empty list.
	List(ctx context.Context, q Query) ([]Request, error)

	// Claim leases requests whose NextAt has come and whose lease, if any, is over at c.Now, the longest due first, at
	// most c.Limit, and returns them as they are then. No two calls are given the same one before its lease is over or
	// was given back by a Change that empties it.
	Claim(ctx context.Context, c Claim) ([]Request, error)
}

// Edit changes a case in place and says what follows.
type Edit func(c *Case) (Effects, error)

// Effects are what others are told of an edit, in its transaction.
type Effects struct {
	Changes       []tenon.Change
	Notifications []tenon.Notification
}

// Case is all that is kept of a tenant's requests.
type Case struct {
	Tenant   string
	Requests []Request // by id, so by time
	Holds    []Hold    // by id; released ones too
}

// Query chooses requests.
type Query struct {
	Tenant string // empty: of all tenants
	Open   bool   // only those that are not closed
	Before string // an id: only older ones; empty: from the newest
	Limit  int    // 0 means 100
}

// Claim asks for work.
type Claim struct {
	Now   time.Time
	Until time.Time // when the lease is over
	Lease string    // a name that no other claim has
	Limit int
}

// MaxList bounds [Query].Limit.
const MaxList = 1000

// Size returns how many requests q asks for at most.
func (q Query) Size() int { return min(cmp.Or(max(q.Limit, 0), 100), MaxList) }

// Clone returns a copy that shares nothing that an edit changes in place.
func (c *Case) Clone() *Case {
	next := &Case{Tenant: c.Tenant, Holds: slices.Clone(c.Holds), Requests: make([]Request, len(c.Requests))}
	for i, r := range c.Requests {
		next.Requests[i] = r.Clone()
	}
	return next
}

// Clone returns a copy that shares nothing that an edit changes in place.
func (r Request) Clone() Request {
	r.Steps = slices.Clone(r.Steps)
	if r.Extension != nil {
		e := *r.Extension
		r.Extension = &e
	}
	if r.File != nil {
		f := *r.File
		r.File = &f
	}
	return r
}

// Request returns the request by that id.
func (c *Case) Request(id string) (*Request, error) {
	i := slices.IndexFunc(c.Requests, func(r Request) bool { return r.ID == id })
	if i < 0 {
		return nil, ErrUnknownRequest
	}
	return &c.Requests[i], nil
}

// Tidy puts a case in the order in which stores keep it, under its tenant.
func (c *Case) Tidy() {
	for i := range c.Requests {
		c.Requests[i].Tenant = c.Tenant
	}
	for i := range c.Holds {
		c.Holds[i].Tenant = c.Tenant
	}
	slices.SortFunc(c.Requests, func(a, b Request) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(c.Holds, func(a, b Hold) int { return cmp.Compare(a.ID, b.ID) })
}
