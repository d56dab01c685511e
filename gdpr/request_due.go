package gdpr

import "time"

// scheduleAll looks anew at every request of a case, after its holds have changed.
func (d *Desk) scheduleAll(c *Case, now time.Time) {
	for i := range c.Requests {
		d.schedule(c, &c.Requests[i], now)
	}
}

// schedule says when there is work for a request: zero when there is none. It decides nothing else.
func (d *Desk) schedule(c *Case, r *Request, now time.Time) {
	r.NextAt = time.Time{}
	if r.State.Closed() {
		if at, ok := r.expires(); ok {
			r.sooner(at)
		}
		return
	}
	if r.OverdueAt.IsZero() {
		r.sooner(r.DueAt)
	}
	if r.WarnedAt.IsZero() && d.options.Warn >= 0 && now.Before(r.DueAt) {
		r.sooner(r.DueAt.Add(-d.options.Warn))
	}
	if at, ok := d.due(c, r, now); ok {
		r.sooner(at)
	}
}

// due says when the request's own work is, and false when it waits for somebody.
func (d *Desk) due(c *Case, r *Request, now time.Time) (time.Time, bool) {
	switch {
	case r.State == StateReceived:
		return time.Time{}, false
	case r.State == StateVerified && r.Kind == KindExport && c.erasing(r.User):
		return time.Time{}, false
	case r.State == StateVerified && r.Kind == KindExport:
		return later(now, r.Step(stepExport).NextAt), true
	case r.State == StateRestoring:
		return later(now, r.Step(stepRestore).NextAt), true
	case c.held(r.User) != nil:
		return time.Time{}, false
	case r.State == StateVerified:
		return later(now, r.Step(stepMark).NextAt), true
	case r.State == StateMarked:
		return r.EraseAt, true
	}
	return d.nextPart(r, now), true
}

// nextPart returns when the first part of an erasure is to be tried.
func (d *Desk) nextPart(r *Request, now time.Time) time.Time {
	var next time.Time
	for _, p := range (&job{Desk: d}).parts() {
		s := r.Step(p.name)
		if !s.DoneAt.IsZero() || !r.done(p.after) {
			continue
		}
		if at := later(now, s.NextAt); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if next.IsZero() {
		return later(now, r.Step(stepProof).NextAt) // all are done but the end
	}
	return next
}

func (r *Request) sooner(at time.Time) {
	if r.NextAt.IsZero() || at.Before(r.NextAt) {
		r.NextAt = at
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
