package gdprpg

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
)

// HostOptions of a [Host]. The zero value of each field has the documented meaning.
type HostOptions struct {
	// Company is the definition for companies as subjects, Person the one for persons. One of them is required; a subject
	// of the other kind is refused.
	Company, Person *gdpr.Definition
	// Secret signs certificates and makes pseudonyms. Without one, Certify is refused.
	Secret gdpr.Secret
	// Batch is how many rows one transaction deletes or anonymises; 0 means 250.
	Batch int
	// Statement is how long one statement may take; 0 means 30 seconds, negative no limit. A batch that takes longer is
	// halved. A cycle of keys whose last rows can only go together takes one statement, which must have time enough.
	Statement time.Duration
	// Rest is how long an erasure rests after each batch, as a share of the time that the batch took, for the sake of those
	// who work in the same database; 0 means 1, negative none.
	Rest float64
	// Values is how many known values of a subject are looked for when it is erased; 0 means 10,000.
	Values int
}

// Host works on the host's own tables. It keeps nothing in memory, so that many processes may work on one deletion.
type Host struct {
	db      DB
	options HostOptions
}

var (
	_ gdpr.Tables    = (*Host)(nil)
	_ gdpr.Certifier = (*Host)(nil)
)

// NewHost returns a host on db, which belongs to a role that may read and change the host's tables and is not filtered
// by row level security. On a pgx.Tx every call is part of that transaction: an erasure is then one transaction, which
// suits small subjects alone.
func NewHost(db DB, opts HostOptions) *Host {
	opts.Batch = cmp.Or(max(opts.Batch, 0), 250)
	opts.Statement = cmp.Or(opts.Statement, 30*time.Second)
	opts.Rest = max(cmp.Or(opts.Rest, 1), 0)
	opts.Values = cmp.Or(max(opts.Values, 0), 10_000)
	return &Host{db: db, options: opts}
}

// definition returns the one for a subject.
func (h *Host) definition(s tenon.Subject) (*gdpr.Definition, error) {
	def, kind := h.options.Company, "company"
	if s.User != "" {
		def, kind = h.options.Person, "person"
	}
	switch {
	case s.Tenant == "":
		return nil, fmt.Errorf("gdpr: %w", tenon.Invalid("tenant", "is empty"))
	case def == nil:
		return nil, fmt.Errorf("gdpr: %w", tenon.Invalid("subject", "is a %s, for which there is no definition", kind))
	case (def.Root.Tenant != "") != (s.User != ""):
		return nil, fmt.Errorf("gdpr: %w", tenon.Invalid("root", "has a column for the company exactly when the subject is a person"))
	}
	return def, nil
}

// atlas returns the map for a subject, by the catalog as db sees it.
func (h *Host) atlas(ctx context.Context, db DB, s tenon.Subject) (*atlas, error) {
	def, err := h.definition(s)
	if err != nil {
		return nil, err
	}
	a, err := newAtlas(ctx, db, def, s)
	if err != nil {
		return nil, err
	}
	return a, def.Check(a.m)
}

// find looks for the subject's own row, and returns [gdpr.ErrUnknownSubject] where there is none. The id must be as the
// root writes it: company 1 by the name of "01" would not be found in documents, nor in the list of who was erased.
func (a *atlas) find(ctx context.Context, db DB) error {
	root := a.m.Table(a.m.Root.Table)
	var found bool
	written := quoted("t", a.m.Root.Key) + "::text = $1::text"
	if a.m.Root.Tenant != "" {
		written = fmt.Sprintf("%s::text = $1::text and %s::text = $2::text", quoted("t", a.m.Root.Tenant), quoted("t", a.m.Root.Key))
	}
	sql := fmt.Sprintf("select exists (select from %s t where %s and %s)", a.from(root), a.isRoot("t"), written)
	err := db.QueryRow(ctx, sql, a.args()...).Scan(&found)
	if malformed(err) || err == nil && !found {
		return gdpr.ErrUnknownSubject
	}
	return err
}

// now returns the database's time.
func now(ctx context.Context, tx pgx.Tx) (t time.Time, err error) {
	err = tx.QueryRow(ctx, "select clock_timestamp()").Scan(&t)
	return tenon.Instant(t), err
}
