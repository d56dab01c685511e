package gdpr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

// The steps that are not a satellite's.
const (
	stepMark    = "mark"
	stepRestore = "restore"
	stepTables  = "tables"
	stepFiles   = "files" // exports of the one who is erased
	stepProof   = "certificate"
	stepExport  = "export" // the archive
	stepExpire  = "expire"
)

// satellitePrefix begins the step of a satellite.
const satellitePrefix = "satellite/"

// job is the work of one instance on a request that it has leased.
type job struct {
	*Desk
	lease string

	mu sync.Mutex
	r  Request
}

// request returns the request as it was stored last.
func (j *job) request() *Request {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.r
	return &r
}

// work does something for a leased request and gives the lease back. What failed is stored with the request, and
// returned beside the request as it is then.
func (d *Desk) work(ctx context.Context, r Request, do func(j *job, ctx context.Context) error) (Request, error) {
	j := &job{Desk: d, lease: r.Lease, r: r}
	ctx, cancel := context.WithCancelCause(ctx)
	beat := j.beat(ctx, cancel)
	err := do(j, ctx)
	cancel(nil)
	<-beat
	err = errors.Join(err, j.giveBack(ctx))
	return *j.request(), err
}

// beat renews the lease until ctx is done; what it returns is closed then. A job that has lost its lease is cancelled:
// somebody else does it.
func (j *job) beat(ctx context.Context, cancel context.CancelCauseFunc) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(j.options.Lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			err := j.record(ctx, func(_ *Case, r *Request, now time.Time) (Effects, error) {
				r.LeaseUntil = now.Add(j.options.Lease)
				return Effects{}, nil
			})
			if errors.Is(err, errLost) {
				cancel(err)
			}
		}
	}()
	return ended
}

// record changes the request while the lease is this job's.
func (j *job) record(ctx context.Context, edit func(c *Case, r *Request, now time.Time) (Effects, error)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	r, err := j.edit(context.WithoutCancel(ctx), j.r.Key, func(c *Case, r *Request, now time.Time) (Effects, error) {
		if r.Lease != j.lease {
			return Effects{}, errLost
		}
		return edit(c, r, now)
	})
	if err == nil {
		j.r = r
	}
	return err
}

func (j *job) giveBack(ctx context.Context) error {
	err := j.record(ctx, func(_ *Case, r *Request, _ time.Time) (Effects, error) {
		r.Lease, r.LeaseUntil = "", time.Time{}
		return Effects{}, nil
	})
	if errors.Is(err, errLost) {
		return nil
	}
	return err
}

// advance goes from state to state until there is nothing to do now.
func (j *job) advance(ctx context.Context) error {
	err := j.remind(ctx)
	for ctx.Err() == nil {
		before := j.request().State
		if stateErr := j.inState(ctx); stateErr != nil {
			return errors.Join(err, stateErr)
		}
		if j.request().State == before {
			return err
		}
	}
	return errors.Join(err, context.Cause(ctx))
}

func (j *job) inState(ctx context.Context) error {
	r := j.request()
	switch {
	case r.State == StateVerified && r.Kind == KindExport:
		return j.export(ctx)
	case r.State == StateVerified:
		return j.mark(ctx)
	case r.State == StateRestoring:
		return j.restore(ctx)
	case r.State == StateMarked:
		return j.begin(ctx)
	case r.State == StateErasing:
		return j.erase(ctx)
	case r.State.Closed():
		return j.expire(ctx)
	}
	return nil
}

func (j *job) mark(ctx context.Context) error {
	if held, err := j.held(ctx); held || err != nil {
		return err
	}
	return j.step(ctx, stepMark, func(ctx context.Context, r Request) (map[string]int64, error) {
		return j.tables.Mark(ctx, r.Deletion())
	}, func(_ *Case, r *Request, now time.Time) Effects {
		r.State, r.MarkedAt, r.EraseAt = StateMarked, now, now.Add(j.options.Grace)
		e := r.recorded("marked", now)
		e.Changes = append(e.Changes, tenon.Change{
			Tenant: r.Tenant, Action: "DELETE", Target: target(r.Subject()), Reason: "GDPR request", At: now,
		})
		return e
	})
}

func (j *job) restore(ctx context.Context) error {
	return j.step(ctx, stepRestore, func(ctx context.Context, r Request) (map[string]int64, error) {
		return j.tables.Restore(ctx, r.Deletion())
	}, func(_ *Case, r *Request, now time.Time) Effects {
		r.State, r.ClosedAt = StateWithdrawn, now
		return r.recorded("restored", now)
	})
}

// begin leaves the grace behind, unless something is held. The hold is looked for under the lock that placing one takes.
func (j *job) begin(ctx context.Context) error {
	now, err := j.now(ctx)
	if err != nil || now.Before(j.request().EraseAt) {
		return err
	}
	if held, err := j.held(ctx); held || err != nil {
		return err
	}
	return j.record(ctx, func(c *Case, r *Request, now time.Time) (Effects, error) {
		if r.State != StateMarked || c.held(r.User) != nil {
			return Effects{}, nil
		}
		r.State = StateErasing
		return r.recorded("erasing", now), nil
	})
}

// held says whether a hold forbids to go on.
func (j *job) held(ctx context.Context) (bool, error) {
	r := j.request()
	c, err := j.load(ctx, r.Tenant)
	if err != nil {
		return false, err
	}
	return c.held(r.User) != nil, nil
}

// part is a piece of an erasure.
type part struct {
	name  string
	after []string
	do    func(ctx context.Context, r Request) (map[string]int64, error)
}

// parts are the pieces of an erasure in their order.
func (j *job) parts() []part {
	parts := []part{{name: stepTables, do: j.eraseTables}, {name: stepFiles, do: j.removeFiles}}
	for _, s := range j.options.Satellites {
		p := part{name: satellitePrefix + s.Name, do: s.erase}
		for _, name := range s.After {
			p.after = append(p.after, satellitePrefix+name)
		}
		parts = append(parts, p)
	}
	return parts
}

// erase tries every part that is due, and closes the request when all are done.
func (j *job) erase(ctx context.Context) (failed error) {
	parts, left := j.parts(), 0
	for _, p := range parts {
		r := j.request()
		now, err := j.now(ctx)
		if err != nil {
			return errors.Join(failed, err)
		}
		if s := r.Step(p.name); !s.DoneAt.IsZero() {
			continue
		} else if now.Before(s.NextAt) || !r.done(p.after) {
			left++
			continue
		}
		if held, err := j.held(ctx); held || err != nil {
			return errors.Join(failed, err)
		}
		if err := j.step(ctx, p.name, p.do, nil); err != nil {
			failed = errors.Join(failed, err)
			left++
		}
		if ctx.Err() != nil {
			return errors.Join(failed, context.Cause(ctx))
		}
	}
	if left > 0 {
		return failed
	}
	if err := j.certify(ctx); err != nil || j.request().Step(stepProof).DoneAt.IsZero() {
		return err
	}
	return j.finish(ctx)
}

// done says whether all steps by these names are.
func (r *Request) done(names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return r.Step(name).DoneAt.IsZero() })
}

// erase asks a satellite to forget, and then whether it has.
func (s Satellite) erase(ctx context.Context, r Request) (map[string]int64, error) {
	rows, err := s.Eraser.Erase(ctx, r.Subject())
	if err != nil || s.Exporter == nil || s.Keeps {
		return rows, err
	}
	left := map[string]int64{}
	for row, err := range s.Exporter.Export(ctx, r.Subject()) {
		if err != nil {
			return rows, err
		}
		left[row.Table]++
	}
	if len(left) > 0 {
		return rows, fmt.Errorf("gdpr: %s has kept rows: %v: %w", s.Name, left, tenon.ErrConflict)
	}
	return rows, nil
}

// step does a piece of work and stores what became of it. What follows when it went well is stored with it.
func (j *job) step(
	ctx context.Context, name string, do func(ctx context.Context, r Request) (map[string]int64, error),
	then func(c *Case, r *Request, now time.Time) Effects,
) error {
	now, err := j.now(ctx)
	if err != nil || now.Before(j.request().Step(name).NextAt) {
		return err
	}
	rows, doErr := do(ctx, *j.request())
	if ctx.Err() != nil && doErr != nil { // broken off, which is no failure of the step; something may be done all the same
		err = j.record(ctx, func(_ *Case, r *Request, _ time.Time) (Effects, error) {
			r.begin(name)
			return Effects{}, nil
		})
		return errors.Join(context.Cause(ctx), doErr, err)
	}
	err = j.record(ctx, func(c *Case, r *Request, now time.Time) (e Effects, err error) {
		s := r.begin(name)
		s.Attempts++
		if strings.HasPrefix(name, satellitePrefix) {
			s.add(rows)
		} else if rows != nil {
			s.Rows = rows
		}
		if doErr != nil {
			return j.failed(r, s, doErr, now), nil
		}
		s.Error, s.NextAt, s.DoneAt = "", time.Time{}, now
		if then != nil {
			e = then(c, r, now)
		}
		return e, nil
	})
	j.counts.step(doErr)
	return errors.Join(doErr, err)
}

// begin returns the step by that name, which it adds where there is none yet.
func (r *Request) begin(name string) *Step {
	i := r.step(name)
	if i < 0 {
		i, r.Steps = len(r.Steps), append(r.Steps, Step{Name: name})
	}
	return &r.Steps[i]
}

// add counts what several attempts did: a satellite says what one did, the tables say what all did.
func (s *Step) add(rows map[string]int64) {
	sum := make(map[string]int64, len(rows)+len(s.Rows))
	for table, n := range s.Rows {
		sum[table] += n
	}
	for table, n := range rows {
		sum[table] += n
	}
	if len(sum) > 0 {
		s.Rows = sum
	}
}

// tellAfter is how often a step may fail before somebody is told.
const tellAfter = 5

// maxError bounds what is kept of an error, in bytes.
const maxError = 1000

// failed puts a step off, twice as long each time, and tells of one that fails again and again.
func (j *job) failed(r *Request, s *Step, err error, now time.Time) Effects {
	text := strings.ReplaceAll(err.Error(), "\x00", "") // which Postgres keeps in JSON and does not read from it
	s.Error = strings.ToValidUTF8(text[:min(len(text), maxError)], "")
	wait := j.options.Backoff
	for range s.Attempts - 1 {
		wait = min(2*wait, j.options.MaxBackoff)
	}
	s.NextAt = now.Add(wait)
	if s.Attempts < tellAfter || s.Told {
		return Effects{}
	}
	s.Told = true
	n := r.told("gdpr.step_failing", tenon.SeverityWarning, now, "a request does not get on: "+s.Name)
	n.Key += "/" + s.Name
	n.Data["step"] = s.Name
	return Effects{Notifications: []tenon.Notification{n}}
}

// remind tells of a request that is due soon or overdue, once each.
func (j *job) remind(ctx context.Context) error {
	now, err := j.now(ctx)
	r := j.request()
	if err != nil || r.State.Closed() || !r.remindable(now, j.options.Warn) {
		return err
	}
	return j.record(ctx, func(_ *Case, r *Request, now time.Time) (e Effects, err error) {
		switch {
		case !r.remindable(now, j.options.Warn):
		case r.Overdue(now):
			r.OverdueAt = now
			e = r.recorded("overdue", now)
			e.Notifications = append(e.Notifications, r.told("gdpr.overdue", tenon.SeverityCritical, now,
				"a request under the GDPR is overdue since "+r.DueAt.Format(time.RFC3339)))
		default:
			r.WarnedAt = now
			e.Notifications = append(e.Notifications, r.told("gdpr.due_soon", tenon.SeverityWarning, now,
				"a request under the GDPR is due at "+r.DueAt.Format(time.RFC3339)))
		}
		return e, nil
	})
}

// remindable says whether somebody is to be told now.
func (r *Request) remindable(now time.Time, warn time.Duration) bool {
	if r.Overdue(now) {
		return r.OverdueAt.IsZero()
	}
	return warn >= 0 && r.WarnedAt.IsZero() && !now.Before(r.DueAt.Add(-warn))
}
