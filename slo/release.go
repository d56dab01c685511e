package slo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// settleFreeze freezes releases when more than FreezeAbove of a budget is consumed, and thaws them when all that froze
// them have recovered to ThawAt. What has no data has not recovered.
func (b *Board) settleFreeze(s *State, r Report, e *outcome) {
	var above, still []Key
	for i := range r.Statuses {
		status := &r.Statuses[i]
		o := status.Objective
		held := slices.Contains(s.Freeze.Because, o.Key)
		if !s.promises(o) {
			if held { // the next evaluation knows more
				still = append(still, o.Key)
			}
			continue
		}
		if o.Advisory {
			continue
		}
		if status.acts(b.options.FreezeAbove) {
			above = append(above, o.Key)
		}
		if status.acts(b.options.ThawAt) && (held || slices.Contains(above, o.Key)) || held && status.Count.Valid == 0 {
			still = append(still, o.Key)
		}
	}
	switch f := &s.Freeze; {
	case !f.Frozen && len(above) > 0:
		*f = Freeze{Frozen: true, ID: tenon.NewID(r.At), Since: r.At, Because: above, Thawed: f.Thawed}
		e.tell(f.frozen(r))
		e.Changes = append(e.Changes, f.change("slo.releases_frozen", r.At))
	case f.Frozen && len(still) == 0:
		e.Changes = append(e.Changes, f.change("slo.releases_thawed", r.At))
		e.tell(f.thawed(r))
		*f = Freeze{Thawed: r.At}
	case f.Frozen && !slices.Equal(f.Because, still):
		f.Because, e.edited = still, true
	}
}

func (f *Freeze) frozen(r Report) tenon.Notification {
	return tenon.Notification{
		Key: "slo.freeze/" + f.ID, Kind: "slo.freeze", Severity: tenon.SeverityCritical, At: r.At,
		Title: "releases are frozen: " + names(f.Because, 5), Text: strings.Join(r.reasons(f.Because), "\n"),
		Data: map[string]string{"objectives": names(f.Because, listed), "freeze": f.ID},
	}
}

func (f *Freeze) thawed(r Report) tenon.Notification {
	return tenon.Notification{
		Key: "slo.thaw/" + f.ID, Kind: "slo.thaw", Severity: tenon.SeverityInfo, At: r.At,
		Title: "releases may go on", Text: fmt.Sprintf("They were frozen since %s.", f.Since.Format(time.RFC3339)),
		Data: map[string]string{"freeze": f.ID},
	}
}

func (f *Freeze) change(action string, now time.Time) tenon.Change {
	return tenon.Change{Action: action, Target: "releases/freeze", After: document(f), Reason: names(f.Because, listed), At: now}
}

// listed bounds how many objectives a text names: when all break at once, what tells of it must still be short enough
// for whoever takes it.
const listed = 50

func names(keys []Key, most int) string {
	var s []string
	for _, k := range keys[:min(len(keys), most)] {
		s = append(s, k.String())
	}
	return strings.Join(append(s, andMore(keys, most)...), ", ")
}

// andMore says how many there are beyond the first most.
func andMore(keys []Key, most int) []string {
	if len(keys) <= most {
		return nil
	}
	return []string{fmt.Sprintf("and %d more", len(keys)-most)}
}

func (r Report) reasons(keys []Key) []string {
	var reasons []string
	for _, k := range keys[:min(len(keys), listed)] {
		if s, ok := r.Status(k); ok {
			reasons = append(reasons, fmt.Sprintf("%s: %s", k, s.summary()))
		}
	}
	return append(reasons, andMore(keys, listed)...)
}

// ReleasePolicy says whether one may release. It is a [tenon.Guard].
type ReleasePolicy struct {
	board *Board
}

var _ tenon.Guard = (*ReleasePolicy)(nil)

// NewReleasePolicy returns the policy over the budgets of a board, whose Options hold its numbers.
func NewReleasePolicy(b *Board) *ReleasePolicy { return &ReleasePolicy{b} }

// Release is whether one may release, and everything that a person asks next.
type Release struct {
	tenon.Verdict
	At       time.Time
	Frozen   bool
	Since    time.Time // of the freeze
	Override *Override // nil when none is in force
	Unknown  []Key     // objectives without data
}

// Guard evaluates the board and passes on the verdict of [ReleasePolicy.Check].
func (p *ReleasePolicy) Guard(ctx context.Context) (tenon.Verdict, error) {
	r, err := p.Check(ctx)
	return r.Verdict, err
}

// Check evaluates the board ([Board.Evaluate]) and answers from it: pass when releases are not frozen and all
// objectives have data; hold while they are frozen, or when an objective that may freeze them has no data; fail while
// they are frozen and a budget is used up or burns at a critical rate, so that what was released should go back. An
// override in force makes it pass and says so. An error means that nothing is known.
func (p *ReleasePolicy) Check(ctx context.Context) (Release, error) {
	r, err := p.board.Evaluate(ctx)
	if err != nil {
		return Release{Verdict: tenon.Verdict{Outcome: tenon.Hold, Reasons: []string{"the budgets are not known"}}}, err
	}
	v := Release{At: r.At, Frozen: r.Freeze.Frozen, Since: r.Freeze.Since, Override: r.Override}
	v.Outcome = tenon.Pass
	if len(r.Statuses) == 0 {
		v.Verdict = tenon.Verdict{Outcome: tenon.Hold, Reasons: []string{"no objective is defined"}}
	}
	for i := range r.Statuses {
		v.consider(&r.Statuses[i])
	}
	if v.Frozen {
		frozen := fmt.Sprintf("releases are frozen since %s because of %s",
			v.Since.Format(time.RFC3339), names(r.Freeze.Because, listed))
		v.Reasons = append(append([]string{frozen}, r.reasons(r.Freeze.Because)...), v.Reasons...)
	}
	if o := v.Override; o != nil && v.Outcome != tenon.Pass {
		v.Outcome = tenon.Pass
		v.Reasons = append([]string{fmt.Sprintf("%s lets releases pass until %s: %s", cmp.Or(o.By, "somebody"),
			o.Until.Format(time.RFC3339), o.Reason)}, v.Reasons...)
	}
	return v, nil
}

// consider lets one objective make the verdict worse.
func (v *Release) consider(s *Status) {
	o := s.Objective
	if o.Advisory {
		return
	}
	if s.Count.Valid == 0 {
		v.Unknown = append(v.Unknown, o.Key)
		v.Reasons = append(v.Reasons, fmt.Sprintf("%s has no data", o.Key))
	}
	critical := slices.ContainsFunc(s.Alerts, func(e Episode) bool { return e.Severity == tenon.SeverityCritical })
	switch {
	case v.Frozen && critical:
		v.Outcome = tenon.Fail
	case (v.Frozen || s.Count.Valid == 0) && v.Outcome == tenon.Pass:
		v.Outcome = tenon.Hold
	}
}

// Override lets releases pass until an instant, at most Options.MaxOverride from now, for a reason. The caller in ctx
// is the one who did it. It is recorded.
func (p *ReleasePolicy) Override(ctx context.Context, until time.Time, reason string) (Override, error) {
	now, err := p.board.now(ctx)
	if err != nil {
		return Override{}, err
	}
	caller, _ := tenon.CallerFrom(ctx)
	o := Override{ID: tenon.NewID(now), Reason: reason, By: caller.Actor, CreatedAt: now, Until: tenon.Instant(until)}
	switch {
	case reason == "":
		return Override{}, prefix(tenon.Invalid("reason", "is empty"))
	case checkText("reason", reason, maxReason) != nil:
		return Override{}, prefix(checkText("reason", reason, maxReason))
	case !o.Until.After(now):
		return Override{}, prefix(tenon.Invalid("until", "is not in the future"))
	case o.Until.Sub(now) > p.board.options.MaxOverride:
		return Override{}, prefix(tenon.Invalid("until", "is more than %s away", p.board.options.MaxOverride))
	}
	_, err = p.board.change(ctx, func(s *State) (Effects, error) {
		s.Overrides = append(s.Overrides, o)
		return Effects{Changes: []tenon.Change{o.change("slo.override_made", nil, reason, now)}}, nil
	})
	return o, err
}

// Revoke ends an override before it expires. It is recorded.
func (p *ReleasePolicy) Revoke(ctx context.Context, id, reason string) error {
	now, err := p.board.now(ctx)
	if err != nil {
		return err
	}
	_, err = p.board.change(ctx, func(s *State) (Effects, error) {
		i := slices.IndexFunc(s.Overrides, func(o Override) bool { return o.ID == id && o.active(now) })
		if i < 0 {
			return Effects{}, ErrUnknownOverride
		}
		before := s.Overrides[i]
		s.Overrides[i].EndedAt = now
		return Effects{Changes: []tenon.Change{s.Overrides[i].change("slo.override_revoked", before, reason, now)}}, nil
	})
	return err
}

func (o *Override) change(action string, before any, reason string, now time.Time) tenon.Change {
	return tenon.Change{
		Action: action, Target: "releases/override/" + o.ID, Before: document(before), After: document(o),
		Reason: cmp.Or(reason, o.Reason), At: now,
	}
}
