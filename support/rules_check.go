package support

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// longest bounds targets and steps.
const longest = 10 * 365 * 24 * time.Hour

// Check returns what is wrong with r: a [tenon.FieldError] that names the field, or [ErrAlwaysClosed].
func (r Rules) Check() error {
	_, err := r.book()
	return prefix(err)
}

// book checks r and makes its calendars.
func (r Rules) book() (*book, error) {
	b := &book{rules: r, policies: map[string]*terms{}}
	calendars := map[string]*Calendar{}
	for _, name := range slices.Sorted(maps.Keys(r.Calendars)) {
		rules, err := compile(r.Calendars[name])
		if err != nil {
			return nil, within("calendars."+name, err)
		}
		calendars[name] = &Calendar{hours: r.Calendars[name], rules: rules}
	}
	for i, p := range r.Policies {
		field := fmt.Sprintf("policies[%d]", i)
		if p.Name == "" || b.policies[p.Name] != nil {
			return nil, tenon.Invalid(field+".name", "%q is empty or there twice", p.Name)
		}
		if err := cmp.Or(checkName(field+".name", p.Name), p.check(field, calendars)); err != nil {
			return nil, err
		}
		b.policies[p.Name] = &terms{Policy: p, calendar: calendars[p.Calendar]}
	}
	for _, plan := range slices.Sorted(maps.Keys(r.Plans)) {
		if err := checkName("plans", plan); err != nil {
			return nil, err
		}
		if b.policies[r.Plans[plan]] == nil {
			return nil, tenon.Invalid("plans."+plan, "there is no policy %q", r.Plans[plan])
		}
	}
	if b.policies[r.Default] == nil {
		return nil, tenon.Invalid("default", "there is no policy %q", r.Default)
	}
	return b, nil
}

// within names the field at fault as a part of another.
func within(field string, err error) error {
	var part *tenon.FieldError
	if errors.As(err, &part) {
		return tenon.Invalid(field+"."+part.Field, "%s", part.Reason)
	}
	return fmt.Errorf("%s: %w", field, err)
}

func (p *Policy) check(field string, calendars map[string]*Calendar) error {
	if p.Calendar != "" && calendars[p.Calendar] == nil {
		return tenon.Invalid(field+".calendar", "there is no calendar %q", p.Calendar)
	}
	if p.WarnAt > 100 {
		return tenon.Invalid(field+".warn_at", "%d is above 100", p.WarnAt)
	}
	for priority, t := range p.Targets {
		if err := p.checkTargets(fmt.Sprintf("%s.targets.%s", field, priority), priority, t); err != nil {
			return err
		}
	}
	for priority, steps := range p.Ladders {
		if err := checkLadder(fmt.Sprintf("%s.ladders.%s", field, priority), priority, steps); err != nil {
			return err
		}
	}
	return nil
}

func (p *Policy) checkTargets(field string, priority Priority, t Targets) error {
	if err := priority.check(field); err != nil {
		return err
	}
	if t.Business && p.Calendar == "" {
		return tenon.Invalid(field+".business", "the policy names no calendar")
	}
	for _, promise := range promises {
		if d := t.of(promise); d < 0 || d > longest {
			return tenon.Invalid(field+"."+string(promise), "%s does not lie within 0 and %s", d, longest)
		}
	}
	return nil
}

func checkLadder(field string, priority Priority, steps []Step) error {
	if err := priority.check(field); err != nil {
		return err
	}
	for i, s := range steps {
		at := fmt.Sprintf("%s[%d]", field, i)
		if err := checkName(at+".name", s.Name); err != nil {
			return err
		}
		switch {
		case s.Name == "" || slices.ContainsFunc(steps[:i], func(o Step) bool { return o.Name == s.Name }):
			return tenon.Invalid(at+".name", "%q is empty or there twice", s.Name)
		case s.After < 0 || s.After > longest:
			return tenon.Invalid(at+".after", "%s does not lie within 0 and %s", s.After, longest)
		case i > 0 && s.After < steps[i-1].After:
			return tenon.Invalid(at+".after", "%s is before the step above it", s.After)
		}
	}
	return nil
}

func (p Priority) check(field string) error {
	if !slices.Contains(priorities, p) {
		return tenon.Invalid(field, "%q is not one of P1, P2 and P3", string(p))
	}
	return nil
}
