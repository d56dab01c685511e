package quoting

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

// MaxLanes bounds one job.
const MaxLanes = 500

// holdFor is how long a job's units are set aside: far longer than a job takes, and short enough that a process that
// dies does not keep them for long.
const holdFor = 2 * time.Minute

// JobRequest asks for quotes on a list of lanes.
type JobRequest struct {
	Company string // the tenant
	Lanes   []freight.Lane
	Key     string // the caller's idempotency key; may be empty
}

// JobAnswer is what became of a job.
type JobAnswer struct {
	Job      freight.Job           // with the lanes that could not be rated; no ID when none could be
	Quotes   []freight.Quote       // by their place in the list
	Decision entitlements.Decision // on the job when that was refused, else on the rates
	Replayed bool
}

// Job rates the lanes of a list and keeps the quotes. A job and a rate for each lane are reserved first, so that no
// work is done that the plan does not allow; the quotes, and the use of as many rates as there are quotes, are one
// transaction. Lanes that cannot be rated are named in the answer and not counted; when there is no other, neither is
// the job.
func (d *Desk) Job(ctx context.Context, r JobRequest) (JobAnswer, error) {
	digest, err := r.check()
	if err != nil {
		return JobAnswer{}, err
	}
	job := freight.Job{Key: r.Key, Digest: digest}
	if r.Key != "" {
		if a, err := d.earlierJob(ctx, r, job); !errors.Is(err, tenon.ErrNotFound) {
			return a, err
		}
	}
	h := holds{desk: d}
	decision, err := h.reserve(ctx,
		entitlements.Use{Tenant: r.Company, Feature: Bulk, Quantity: 1},
		entitlements.Use{Tenant: r.Company, Feature: Rates, Quantity: int64(len(r.Lanes))})
	if err != nil || !decision.Allowed {
		h.release(ctx)
		return JobAnswer{Decision: decision}, err
	}
	a, err := d.work(ctx, r, job, h)
	if err != nil || a.Job.ID == "" || a.Replayed {
		h.release(ctx)
	}
	return a, err
}

// check returns the digest of what is asked, or what is wrong with it as a whole.
func (r JobRequest) check() ([]byte, error) {
	if err := checkKey(r.Key); err != nil {
		return nil, err
	}
	if len(r.Lanes) == 0 || len(r.Lanes) > MaxLanes {
		return nil, tenon.Invalid("lanes", "has %d lanes, not 1 to %d", len(r.Lanes), MaxLanes)
	}
	b, err := json.Marshal(r.Lanes)
	sum := sha256.Sum256(b)
	return sum[:], err
}

// work rates what it can and keeps it.
func (d *Desk) work(ctx context.Context, r JobRequest, job freight.Job, h holds) (JobAnswer, error) {
	now := tenon.Instant(time.Now())
	var quotes []freight.Quote
	for i, l := range r.Lanes {
		rate, err := freight.RateLane(l, now)
		var field *tenon.FieldError
		if errors.As(err, &field) {
			job.Refused = append(job.Refused, freight.Refused{Place: i, Field: field.Field, Reason: field.Reason})
			continue
		}
		q := freight.NewQuote(rate, now)
		q.Place = i
		quotes = append(quotes, q)
	}
	if len(quotes) == 0 {
		decision, err := d.standing(ctx, r.Company)
		return JobAnswer{Job: job, Decision: decision}, err
	}
	job.ID, job.CreatedAt = tenon.NewID(now), now
	for i := range quotes {
		quotes[i].Job = job.ID
	}
	return d.keep(ctx, r, job, quotes, h)
}

// keep writes the job and its quotes, and turns what was held into use, all or nothing.
func (d *Desk) keep(ctx context.Context, r JobRequest, job freight.Job, quotes []freight.Quote, h holds) (JobAnswer, error) {
	a := JobAnswer{Job: job, Quotes: quotes}
	var isNew bool
	err := freight.InTenant(ctx, d.app, r.Company, func(tx pgx.Tx) (keep bool, err error) {
		store := freight.NewStore(tx)
		if isNew, err = store.AddJob(ctx, r.Company, job); err != nil || !isNew {
			return false, err
		}
		if _, err = store.AddQuotes(ctx, r.Company, quotes...); err != nil {
			return false, err
		}
		if err = d.tellCreated(ctx, tx, r.Company, quotes...); err != nil {
			return false, err
		}
		a.Decision, err = h.commit(ctx, d.gateIn(tx), 1, int64(len(quotes)))
		return true, err
	})
	if err == nil && !isNew { // a request with the same key was faster
		return d.earlierJob(ctx, r, job)
	}
	return a, err
}

// earlierJob answers with the job that was done under the same key; [tenon.ErrNotFound] when there is none.
func (d *Desk) earlierJob(ctx context.Context, r JobRequest, job freight.Job) (JobAnswer, error) {
	var earlier freight.Job
	var quotes []freight.Quote
	err := freight.Read(ctx, d.app, r.Company, func(store *freight.Store) (err error) {
		if earlier, err = store.JobByKey(ctx, r.Company, r.Key); err != nil {
			return err
		}
		if !bytes.Equal(earlier.Digest, job.Digest) {
			return entitlements.ErrKeyReused
		}
		quotes, err = store.JobQuotes(ctx, r.Company, earlier.ID)
		return err
	})
	if err != nil {
		return JobAnswer{}, err
	}
	decision, err := d.standing(ctx, r.Company)
	return JobAnswer{Job: earlier, Quotes: quotes, Decision: decision, Replayed: true}, err
}
