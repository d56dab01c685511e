package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// Order is what a subject asks for.
type Order struct {
	Kind    Kind
	Subject tenon.Subject
	Reason  string // in their words; may be empty
}

// Ask receives a request. Its month begins now. While one of its kind for its subject is open, that one is returned
// with [ErrOpen], so that asking twice does no harm.
func (d *Desk) Ask(ctx context.Context, o Order) (Request, error) {
	caller, err := d.may(ctx, ActAsk, o.Subject)
	if err == nil {
		err = d.checkOrder(o)
	}
	if err != nil {
		return Request{}, err
	}
	now, err := d.now(ctx)
	if err != nil {
		return Request{}, err
	}
	id := tenon.NewID(now)
	var open string
	c, err := d.change(ctx, o.Subject.Tenant, func(c *Case) (Effects, error) {
		open = ""
		for _, r := range c.Requests {
			if r.Kind == o.Kind && r.User == o.Subject.User && !r.State.Closed() {
				open = r.ID
				return Effects{}, nil
			}
		}
		r := Request{
			Key: Key{Tenant: c.Tenant, ID: id}, Kind: o.Kind, User: o.Subject.User, State: StateReceived, By: caller.Actor,
			Reason: strings.TrimSpace(o.Reason), ReceivedAt: now, DueAt: Due(now, 1),
		}
		d.schedule(c, &r, now)
		c.Requests = append(c.Requests, r)
		return r.recorded("received", now), nil
	})
	if err != nil {
		return Request{}, err
	}
	if open != "" {
		r, err := c.Request(open)
		return *r, errors.Join(ErrOpen, err)
	}
	r, err := c.Request(id)
	return *r, err
}

func (d *Desk) checkOrder(o Order) error {
	switch {
	case o.Kind != KindExport && o.Kind != KindErasure:
		return prefix(tenon.Invalid("kind", "%q is neither export nor erasure", o.Kind))
	case o.Kind == KindExport && (d.options.Packer == nil || d.options.Files == nil):
		return prefix(tenon.Invalid("kind", "this desk makes no exports: it has no Packer, or no Files"))
	}
	return checkText("reason", o.Reason, false)
}

// Verify says that the one who asks is the one they say, and how that was found out. From then on Run works on the
// request. The data of an erasure is marked before Verify returns; when that fails, the error is told, Run tries again,
// and the request stays verified. What a legal hold forbids to delete stays verified too, with [ErrHeld].
func (d *Desk) Verify(ctx context.Context, k Key, how string) (Request, error) {
	var plan Plan
	if err := checkText("how", how, true); err != nil {
		return Request{}, err
	}
	caller, r, err := d.find(ctx, k, ActVerify)
	if err != nil {
		return r, err
	}
	if r.Kind == KindErasure {
		if plan, err = d.tables.Plan(ctx, r.Subject()); err != nil {
			return r, err
		}
	}
	var held error
	lease := leaseName()
	r, err = d.edit(ctx, k, func(c *Case, r *Request, now time.Time) (Effects, error) {
		if r.State != StateReceived {
			return Effects{}, ErrState
		}
		r.State, r.VerifiedAt, r.VerifiedBy, r.How = StateVerified, now, caller.Actor, strings.TrimSpace(how)
		if r.Kind == KindErasure {
			if err := r.freeze(plan); err != nil {
				return Effects{}, err
			}
			if held = c.held(r.User); held == nil && !d.bound {
				r.Lease, r.LeaseUntil = lease, now.Add(d.options.Lease)
			}
		}
		return r.recorded("verified", now), nil
	})
	switch {
	case err != nil || held != nil || d.bound || r.Kind != KindErasure:
		return r, errors.Join(err, held)
	}
	return d.work(ctx, r, (*job).mark)
}

// freeze keeps a plan with the request.
func (r *Request) freeze(p Plan) error {
	body, err := json.Marshal(p)
	r.Plan, r.PlanHash = body, p.Hash
	return err
}

// Replan takes a new plan for an erasure that has not begun, or whose plan the schema has left behind. Of one whose
// tables are done, or that was withdrawn, it is [ErrState].
func (d *Desk) Replan(ctx context.Context, k Key) (Request, error) {
	_, r, err := d.find(ctx, k, ActVerify)
	if err != nil {
		return r, err
	}
	plan, err := d.tables.Plan(ctx, r.Subject())
	if err != nil {
		return r, err
	}
	return d.edit(ctx, k, func(_ *Case, r *Request, now time.Time) (Effects, error) {
		tables := r.step(stepTables)
		switch {
		case r.Kind != KindErasure, r.State.Closed(), r.State == StateRestoring:
			return Effects{}, ErrState
		case tables >= 0 && !r.Steps[tables].DoneAt.IsZero():
			return Effects{}, ErrState
		case tables >= 0:
			r.Steps[tables].NextAt = now
		}
		return r.recorded("planned_again", now), r.freeze(plan)
	})
}

// extension is by how many months a due date can be put off, beyond the first.
const extension = 2

// Extend puts the due date off by two further months, for a reason of which the subject must be told: Art. 12(3). That
// is possible once, and only within the first month.
func (d *Desk) Extend(ctx context.Context, k Key, reason string) (Request, error) {
	if err := checkText("reason", reason, true); err != nil {
		return Request{}, err
	}
	caller, r, err := d.find(ctx, k, ActExtend)
	if err != nil {
		return r, err
	}
	return d.edit(ctx, k, func(_ *Case, r *Request, now time.Time) (Effects, error) {
		switch {
		case r.State.Closed():
			return Effects{}, ErrState
		case r.Extension != nil || now.After(r.DueAt):
			return Effects{}, ErrTooLate
		}
		r.Extension = &Extension{At: now, By: caller.Actor, Reason: strings.TrimSpace(reason)}
		r.DueAt, r.WarnedAt, r.OverdueAt = Due(r.ReceivedAt, 1+extension), time.Time{}, time.Time{}
		e := r.recorded("extended", now)
		e.Notifications = append(e.Notifications, r.told("gdpr.extended", tenon.SeverityInfo, now,
			"a request was extended: its subject must be told by "+Due(r.ReceivedAt, 1).Format(time.DateOnly)))
		return e, nil
	})
}

// Refuse ends a request that is not to be carried out, with the answer that its subject is given: Art. 12(4).
func (d *Desk) Refuse(ctx context.Context, k Key, answer string) (Request, error) {
	if err := checkText("answer", answer, true); err != nil {
		return Request{}, err
	}
	_, r, err := d.find(ctx, k, ActRefuse)
	if err != nil {
		return r, err
	}
	return d.edit(ctx, k, func(_ *Case, r *Request, now time.Time) (Effects, error) {
		if r.State != StateReceived && (r.State != StateVerified || r.touched()) {
			return Effects{}, ErrState
		}
		r.drop(StateRefused, answer, now)
		return r.recorded("refused", now), nil
	})
}

// Withdraw ends a request at its subject's wish. What was marked is restored exactly as it was, before Withdraw returns
// or, when that fails, by Run. Once the erasure has begun there is no way back, which is [ErrState].
func (d *Desk) Withdraw(ctx context.Context, k Key, answer string) (Request, error) {
	if err := checkText("answer", answer, false); err != nil {
		return Request{}, err
	}
	_, r, err := d.find(ctx, k, ActWithdraw)
	if err != nil {
		return r, err
	}
	lease := leaseName()
	r, err = d.edit(ctx, k, func(_ *Case, r *Request, now time.Time) (Effects, error) {
		switch {
		case r.State == StateReceived, r.State == StateVerified && !r.touched():
			r.drop(StateWithdrawn, answer, now)
		case r.State == StateMarked, r.State == StateVerified && r.Kind == KindErasure:
			r.State, r.Answer = StateRestoring, strings.TrimSpace(answer)
			if !d.bound {
				r.Lease, r.LeaseUntil = lease, now.Add(d.options.Lease)
			}
		default:
			return Effects{}, ErrState
		}
		return r.recorded("withdrawn", now), nil
	})
	if err != nil || d.bound || r.State != StateRestoring {
		return r, err
	}
	return d.work(ctx, r, (*job).restore)
}

// touched says whether the host's rows may be.
func (r *Request) touched() bool { return r.Kind == KindErasure && r.begun() }

// begun says whether somebody works on the request, or has.
func (r *Request) begun() bool { return r.Lease != "" || len(r.Steps) > 0 }

// drop closes a request that is not carried out. Of an export that somebody may still be making, the file is removed
// when the lease is over.
func (r *Request) drop(s State, answer string, now time.Time) {
	if r.Kind == KindExport && r.begun() {
		r.Steps = append(r.Steps, Step{Name: stepExpire, NextAt: later(now, r.LeaseUntil)})
	}
	r.close(s, answer, now)
}

func (r *Request) close(s State, answer string, now time.Time) {
	r.State, r.Answer, r.ClosedAt = s, strings.TrimSpace(answer), now
	r.Lease, r.LeaseUntil = "", time.Time{}
}

// find returns a request that the caller may do something with. Another company's is as if it were not there.
func (d *Desk) find(ctx context.Context, k Key, act Act) (tenon.Caller, Request, error) {
	caller, err := d.may(ctx, act, tenon.Subject{Tenant: k.Tenant})
	if errors.Is(err, ErrNotYours) {
		return caller, Request{}, ErrUnknownRequest
	}
	if err != nil && !errors.Is(err, tenon.ErrDenied) {
		return caller, Request{}, err
	}
	c, loadErr := d.load(ctx, k.Tenant)
	if loadErr != nil {
		return caller, Request{}, loadErr
	}
	r, missing := c.Request(k.ID)
	switch {
	case missing != nil && err != nil:
		return caller, Request{}, err
	case missing != nil:
		return caller, Request{}, missing
	}
	if r.User != "" || err != nil { // a person may do with their own what they may not do with the company's
		if _, err = d.may(ctx, act, r.Subject()); err != nil {
			return caller, Request{}, err
		}
	}
	return caller, *r, nil
}

// edit changes one request.
func (d *Desk) edit(ctx context.Context, k Key, edit func(c *Case, r *Request, now time.Time) (Effects, error)) (Request, error) {
	now, err := d.now(ctx)
	if err != nil {
		return Request{}, err
	}
	var tenant string // it may have become a pseudonym
	c, err := d.change(ctx, k.Tenant, func(c *Case) (Effects, error) {
		r, err := c.Request(k.ID)
		if err != nil {
			return Effects{}, err
		}
		e, err := edit(c, r, now)
		if err != nil {
			return Effects{}, err
		}
		d.schedule(c, r, now)
		tenant = c.Tenant
		return e, nil
	})
	if err != nil {
		return Request{}, err
	}
	r, err := c.Request(k.ID)
	if err != nil {
		return Request{Key: Key{Tenant: tenant, ID: k.ID}}, err
	}
	return *r, nil
}

// recorded is what the audit log is told of a request: that something happened to it, and no data of its subject.
func (r *Request) recorded(what string, now time.Time) Effects {
	body, _ := json.Marshal(struct { // of text
		Kind  Kind  `json:"kind"`
		State State `json:"state"`
	}{r.Kind, r.State})
	return Effects{Changes: []tenon.Change{{
		Tenant: r.visibleTenant(), Action: "gdpr." + what, Target: "gdpr_request/" + r.ID, After: body, At: now,
	}}}
}

// visibleTenant is empty once the tenant is being erased: what is written then must not bring its name back.
func (r *Request) visibleTenant() string {
	if r.Kind == KindErasure && r.User == "" && (r.State == StateErasing || r.State == StateCompleted) {
		return ""
	}
	return r.Tenant
}

// told is news of a request for those who work at the desk. It names the request and not its subject.
func (r *Request) told(kind string, severity tenon.Severity, now time.Time, title string) tenon.Notification {
	return tenon.Notification{
		Key: kind + "/" + r.ID + "/" + r.DueAt.Format(time.DateOnly), Kind: kind, Severity: severity, Title: title, At: now,
		Data: map[string]string{
			"request": r.ID, "kind": string(r.Kind), "state": string(r.State), "due_at": r.DueAt.Format(time.RFC3339),
		},
	}
}
