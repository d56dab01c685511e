package gdprpg

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
)

// The states of a deletion in the database.
const (
	marked   = "marked"
	restored = "restored"
	erasing  = "erasing"
)

// deletion is the row that everybody who works on one locks.
type deletion struct {
	state     string // empty: there is no row
	startedAt time.Time
	planHash  string
	plan      gdpr.Plan
	known     []string
}

const lockDeletionSQL = `
select state, coalesce(started_at, 'epoch'), plan_hash, coalesce(plan, 'null'), known_values
from tenon.gdpr_deletions
where tenant_id = $1
  and id = $2
for no key update`

// lockDeletion returns the row of d, locked. One of another person has the same id only by mistake.
func lockDeletion(ctx context.Context, db DB, d gdpr.Deletion) (s deletion, err error) {
	var plan []byte
	err = db.QueryRow(ctx, lockDeletionSQL, d.Subject.Tenant, d.ID).Scan(&s.state, &s.startedAt, &s.planHash, &plan, &s.known)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(plan, &s.plan)
	}
	s.startedAt = tenon.Instant(s.startedAt)
	return s, err
}

const certifiedSQL = `
select body
from tenon.gdpr_certificates
where id = $1`

// certified returns the certificate of a deletion that is over; false when there is none.
func certified(ctx context.Context, db DB, id string) (c gdpr.Certificate, ok bool, err error) {
	var body []byte
	err = db.QueryRow(ctx, certifiedSQL, id).Scan(&body)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, false, nil
	}
	if err == nil {
		err = json.Unmarshal(body, &c)
	}
	return c, err == nil, err
}
