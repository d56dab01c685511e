package directory

import (
	"context"
	"time"
)

// Store keeps partners, their documents and logs, and finds what is public. It decides nothing: a [Book] does. Methods
// may be called concurrently, by many processes. A store reads no clock and mints no id. When it is away, every method
// returns an error of the class [tenon.ErrUnavailable].
type Store interface {
	// Load returns a partner's dossier. One that is not there, or belongs to another tenant, is an
	// [ErrUnknownPartner].
	Load(ctx context.Context, ref Ref) (*Dossier, error)

	// Change locks the partner and what its tenant has listed, hands a copy of the dossier to edit, stores the result,
	// and hands the effects to the recorder and the notifier, all in one transaction; from its commit on a search sees
	// it. A partner that is not there is a dossier with the Ref alone and Version 0, and is made when edit gives it
	// another. When edit, the recorder or the notifier returns an error, nothing is written and the error is returned.
	// Edit may be called more than once and must have no other effect; it adds documents and steps and takes none
	// away. What Change returns is the dossier after.
	Change(ctx context.Context, ref Ref, edit Edit) (*Dossier, error)

	// ChangeDue does what Change does to partners with a NextAt at due.Now or before, or settled by another policy
	// than due.Policy, at most due.Limit of them and all in one transaction, and returns how many. Their dossiers come
	// without logs. Partners that another call has locked are left out, so that two never edit one for the same reason.
	ChangeDue(ctx context.Context, due Due, edit Edit) (int, error)

	// List returns at most q.Limit partners after q.After in the order of their ids, which is that of their creation,
	// each with the newest version of its documents and without its log. An empty page is not an error.
	List(ctx context.Context, q ListQuery) ([]*Dossier, error)

	// Search returns at most q.Limit entries after q.After in the order of q.Sort, and counts the facets that q asks
	// for over all that match: [Query.Match] says which do, [Query.Before] in what order. Entries that are not visible
	// at q.Now do not exist.
	Search(ctx context.Context, q *Query) (*Found, error)
}

// Edit changes a dossier in place and says what follows.
type Edit func(d *Dossier) (Effects, error)

// Due says which partners [Store.ChangeDue] edits.
type Due struct {
	Now    time.Time
	Policy string // the mark of the present policy
	Limit  int
}

// ListQuery says which partners [Store.List] returns. Zero fields do not restrict; removed partners are left out.
type ListQuery struct {
	Tenant  string
	Status  Status
	StaleAt time.Time // only partners with a document in force that is expired or expiring soon at this instant, or missing
	After   string    // the id of the last partner of the page before
	Limit   int
}

// Digester is what a store offers that can count papers at once, and tell it once a day.
type Digester interface {
	// Digest counts the documents in force, and missing ones, that are not valid at now. For the first caller of the
	// day it hands the counts to tell, and the effects to the notifier, in one transaction; for others tell is not
	// called. Told says which it was.
	Digest(ctx context.Context, now time.Time, day Date, tell func(Digest) Effects) (d Digest, told bool, err error)
}

// Digest is how many documents are not valid.
type Digest struct {
	Missing      int64 `json:"missing"`
	Expired      int64 `json:"expired"`
	ExpiringSoon int64 `json:"expiring_soon"`
}

// Count returns how many documents need attention.
func (d Digest) Count() int64 { return d.Missing + d.Expired + d.ExpiringSoon }
