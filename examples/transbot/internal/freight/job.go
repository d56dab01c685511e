package freight

import (
	"context"
	"time"
)

// Job is a list of lanes that was rated in one go.
type Job struct {
	ID        string
	Key       string    // the caller's idempotency key; empty for none
	Digest    []byte    // SHA-256 of what was asked
	Refused   []Refused // lanes that could not be rated
	CreatedAt time.Time
}

// Refused is a lane that could not be rated.
type Refused struct {
	Place  int    `json:"lane"` // from 0
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

const insertJob = `
insert into public.bulk_jobs (company_id, id, key, digest, refused, created_at)
values ($1, $2, nullif($3, ''), $4, $5, $6)
on conflict (company_id, key) do nothing`

// AddJob adds the company's job, and returns false when one with its key is there already.
func (s *Store) AddJob(ctx context.Context, company string, j Job) (bool, error) {
	if j.Refused == nil {
		j.Refused = []Refused{}
	}
	n, err := exec(ctx, s.db, insertJob, company, j.ID, j.Key, j.Digest, j.Refused, j.CreatedAt)
	return n == 1, err
}

const jobFields = `
select id::text, coalesce(key, ''), digest, refused, created_at
from public.bulk_jobs
where company_id = $1`

const (
	selectJob      = jobFields + ` and id = $2`
	selectJobByKey = jobFields + ` and key = $2`
)

// Job returns the company's job; [tenon.ErrNotFound] when there is none, or it is another company's. The id is a UUID.
func (s *Store) Job(ctx context.Context, company, id string) (Job, error) {
	return one[Job](ctx, s.db, selectJob, company, id)
}

// JobByKey returns the company's job under an idempotency key; [tenon.ErrNotFound] when there is none.
func (s *Store) JobByKey(ctx context.Context, company, key string) (Job, error) {
	return one[Job](ctx, s.db, selectJobByKey, company, key)
}
