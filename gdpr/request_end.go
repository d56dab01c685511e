package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// eraseTables erases the subject's rows by the plan that was frozen.
func (j *job) eraseTables(ctx context.Context, r Request) (map[string]int64, error) {
	var plan Plan
	if err := json.Unmarshal(r.Plan, &plan); err != nil {
		return nil, fmt.Errorf("gdpr: the plan of request %s: %w", r.ID, err)
	}
	erasure, err := j.tables.Erase(ctx, r.Deletion(), plan)
	return erasure.Rows(), err
}

// errPacking says that a file may still come.
var errPacking = fmt.Errorf("gdpr: an export of the subject is being made: %w", tenon.ErrConflict)

// removeFiles removes the exports of the subject: they are full of its data. One that is being made is waited for, and
// one whose maker died before it was noted is removed too.
func (j *job) removeFiles(ctx context.Context, r Request) (map[string]int64, error) {
	c, err := j.load(ctx, r.Tenant)
	if err != nil {
		return nil, err
	}
	now, err := j.now(ctx)
	if err != nil {
		return nil, err
	}
	for _, other := range c.Requests {
		if other.Kind != KindExport || !r.reaches(other.User) {
			continue
		}
		if other.Lease != "" && now.Before(other.LeaseUntil) {
			return nil, errPacking
		}
		if err := j.options.Files.Remove(ctx, other.Key); err != nil && !errors.Is(err, tenon.ErrNotFound) {
			return nil, err
		}
	}
	return nil, nil
}

// erasing says whether an erasure of user has begun: there is nothing to export any more.
func (c *Case) erasing(user string) bool {
	return slices.ContainsFunc(c.Requests, func(r Request) bool {
		return r.Kind == KindErasure && r.State == StateErasing && r.reaches(user)
	})
}

// reaches says whether an erasure is one of user too.
func (r *Request) reaches(user string) bool { return r.User == "" || r.User == user }

// pseudonym stands for who was erased. It leads to the request and no further.
func (r *Request) pseudonym() string { return "erased/" + r.ID }

// certify keeps the proof, where the tables give one.
func (j *job) certify(ctx context.Context) error {
	if !j.request().Step(stepProof).DoneAt.IsZero() {
		return nil
	}
	var proof json.RawMessage
	return j.step(ctx, stepProof, func(ctx context.Context, r Request) (map[string]int64, error) {
		certifier, ok := j.tables.(Certifier)
		if !ok {
			return nil, nil
		}
		certificate, err := certifier.Certify(ctx, r.Deletion(), r.satellites())
		if err != nil {
			return nil, err
		}
		proof, err = json.Marshal(certificate)
		return nil, err
	}, func(_ *Case, r *Request, now time.Time) Effects {
		r.Certificate = proof
		return r.recorded("certified", now)
	})
}

// satellites returns what each satellite erased, by table.
func (r *Request) satellites() map[string]map[string]int64 {
	rows := map[string]map[string]int64{}
	for _, s := range r.Steps {
		if name, ok := strings.CutPrefix(s.Name, satellitePrefix); ok {
			rows[name] = s.Rows
		}
	}
	return rows
}

// finish closes an erasure of which all parts are done, and forgets whose it was: the request itself is about its
// subject too.
func (j *job) finish(ctx context.Context) error {
	err := j.record(ctx, func(c *Case, r *Request, now time.Time) (Effects, error) {
		r.close(StateCompleted, "", now)
		c.forget(*r, now)
		return r.recorded("erased", now), nil
	})
	if err == nil {
		j.counts.completed.Add(1)
	}
	return err
}

// forget takes everything that says whose they were from the requests and holds of who was erased. What was still open
// for them is closed.
func (c *Case) forget(erased Request, now time.Time) {
	name := erased.pseudonym()
	for i := range c.Requests {
		if r := &c.Requests[i]; erased.reaches(r.User) {
			if !r.State.Closed() {
				r.close(StateWithdrawn, "", now)
			}
			r.scrub(name)
		}
	}
	for i := range c.Holds {
		if h := &c.Holds[i]; erased.reaches(h.User) {
			h.By, h.Reason, h.ReleasedBy = "", "", ""
			if h.User != "" {
				h.User = name
			}
		}
	}
	if erased.User == "" {
		c.Tenant = name
	}
}

func (r *Request) scrub(name string) {
	if r.User != "" {
		r.User = name
	}
	r.By, r.Reason, r.VerifiedBy, r.How, r.Answer, r.Plan = "", "", "", "", "", nil
	r.Forgotten, r.NextAt = true, time.Time{}
	if r.Extension != nil {
		r.Extension.By, r.Extension.Reason = "", ""
	}
	if r.File != nil {
		r.File.Gone = true
	}
	for i := range r.Steps {
		r.Steps[i].Error = ""
	}
}
