package flags

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// errMoved says that the ramp is no longer as it was looked at: another process, or a person, acted.
var errMoved = errors.New("the ramp has moved")

// tend looks after every ramp once.
func (s *Set) tend(ctx context.Context) error {
	if err := s.refresh(ctx); err != nil {
		return err
	}
	now, err := s.clock.Now(ctx, s.store)
	if err != nil {
		return err
	}
	asked := map[string]tenon.Verdict{}
	snap := s.live.Load()
	var failed []error
	for _, key := range snap.keys() {
		c := snap.flags[key]
		if r := c.definition.Rollout; r == nil || r.Ramp == nil || r.Ramp.state() != RampRunning || c.definition.Disabled {
			s.holds.clear(key)
			continue
		}
		if err := s.tendOne(ctx, snap, c, now, asked); err != nil && !errors.Is(err, errMoved) {
			failed = append(failed, fmt.Errorf("flag %s: %w", key, err))
		}
	}
	return errors.Join(failed...)
}

// tendOne takes one ramp a step on, back, or nowhere.
func (s *Set) tendOne(ctx context.Context, snap *snapshot, c *compiled, now time.Time, asked map[string]tenon.Verdict) error {
	ramp := c.definition.Rollout.Ramp
	due := ramp.due(now)
	if ramp.Reached == 0 && !due {
		return nil
	}
	v := s.askGuards(ctx, snap, c, asked)
	switch {
	case v.Outcome == tenon.Fail && ramp.Reached > 0:
		s.holds.clear(c.key)
		return s.rollBack(ctx, c, strings.Join(v.Reasons, "; "))
	case v.Outcome != tenon.Pass:
		s.holds.set(c.key, v.Reasons)
		return nil
	}
	s.holds.clear(c.key)
	switch {
	case ramp.watched(now):
		return s.move(ctx, c, finish)
	case due:
		return s.advance(ctx, c, now)
	}
	return nil
}

// watched says whether the last stage has begun and been watched for long enough.
func (s *Schedule) watched(now time.Time) bool {
	return s.Reached == len(s.Stages) && (len(s.Guards) == 0 || !now.Before(s.Since.Add(s.watch())))
}

// due says whether the next stage's time has come.
func (s *Schedule) due(now time.Time) bool {
	at, ok := s.Due()
	return ok && !now.Before(at)
}

// Due returns when the next stage begins at the earliest; the zero time is at once. It returns false when there is no
// next stage, or when it waits for a person.
func (s *Schedule) Due() (time.Time, bool) {
	i := s.Reached
	switch {
	case i >= len(s.Stages):
		return time.Time{}, false
	case !s.Stages[i].At.IsZero():
		return s.Stages[i].At, true
	case i == 0:
		return time.Time{}, true
	case s.Interval > 0:
		return s.Since.Add(time.Duration(s.Interval)), true
	default:
		return time.Time{}, false
	}
}

func (s *Schedule) watch() time.Duration {
	if s.Watch == 0 {
		return 24 * time.Hour
	}
	return time.Duration(s.Watch)
}

// begin enters the next stage at now. A stage that begins late moves those after it by as much.
func (s *Schedule) begin(now time.Time) {
	stage := &s.Stages[s.Reached]
	if late := now.Sub(stage.At); !stage.At.IsZero() && late >= time.Minute {
		s.shift(s.Reached, late)
	}
	s.Reached++
	s.Since, s.Note = now, ""
}

// shift moves the stages from i on.
func (s *Schedule) shift(i int, by time.Duration) {
	s.Stages = slices.Clone(s.Stages)
	for j := i; j < len(s.Stages); j++ {
		if !s.Stages[j].At.IsZero() {
			s.Stages[j].At = s.Stages[j].At.Add(by)
		}
	}
}

// step is what is done to a ramp at an instant.
type rampStep func(d *Definition, now time.Time) error

func finish(d *Definition, _ time.Time) error {
	d.Rollout.Ramp.State, d.Rollout.Ramp.Note = RampDone, ""
	return nil
}

// move does a step to the ramp as c has it, unless it has moved.
func (s *Set) move(ctx context.Context, c *compiled, step rampStep) error {
	_, err := s.moveRamp(ctx, c.key, action{name: "flags.ramp_finished", reason: "the last stage was watched"}, unmoved(c, step))
	return err
}

// unmoved does step only to the version that was looked at.
func unmoved(c *compiled, step rampStep) rampStep {
	return func(d *Definition, now time.Time) error {
		if d.Version != c.version {
			return errMoved
		}
		return step(d, now)
	}
}

func (s *Set) moveRamp(ctx context.Context, key string, a action, step rampStep) (Definition, error) {
	now, err := s.clock.Now(ctx, s.store)
	if err != nil {
		return Definition{}, err
	}
	return s.edit(ctx, key, a, existing(func(d *Definition) error {
		if d.Rollout == nil || d.Rollout.Ramp == nil {
			return ErrNoRamp
		}
		return step(d, now)
	}))
}

func (s *Set) advance(ctx context.Context, c *compiled, now time.Time) error {
	extra, err := s.chooseExtra(ctx, c)
	if err != nil {
		s.holds.set(c.key, []string{err.Error()})
		return nil
	}
	_, err = s.moveRamp(ctx, c.key, advanced(c.definition), unmoved(c, beginWith(extra)))
	if err == nil {
		s.stats.advanced.Add(1)
	}
	return err
}

func advanced(d *Definition) action {
	stage := d.Rollout.Ramp.Stages[d.Rollout.Ramp.Reached]
	return action{name: "flags.ramp_advanced", reason: "stage " + strconv.Itoa(d.Rollout.Ramp.Reached+1) + " begins: " + percentText(stage.Percent)}
}

func beginWith(extra []string) rampStep {
	return func(d *Definition, now time.Time) error {
		ramp := d.Rollout.Ramp
		stage := &ramp.Stages[ramp.Reached]
		stage.Extra = slices.Concat(stage.Extra, extra)
		ramp.begin(now)
		return nil
	}
}

func (s *Set) rollBack(ctx context.Context, c *compiled, why string) error {
	why = clipText(why)
	a := action{name: "flags.rolled_back", reason: why, notify: rolledBack(c.definition, why, tenon.SeverityCritical)}
	_, err := s.moveRamp(ctx, c.key, a, unmoved(c, backStep(why)))
	if err == nil {
		s.stats.rolledBack.Add(1)
	}
	return err
}

func backStep(why string) rampStep {
	return func(d *Definition, now time.Time) error {
		ramp := d.Rollout.Ramp
		ramp.Reached--
		ramp.State, ramp.Since, ramp.Note = RampRolledBack, now, why
		return nil
	}
}

// rolledBack makes the notification of a rollback of d, as it was before.
func rolledBack(d *Definition, why string, severity tenon.Severity) func(Record) tenon.Notification {
	ramp := *d.Rollout.Ramp
	from, _ := ramp.Present()
	ramp.Reached--
	to, _ := ramp.Present()
	return func(r Record) tenon.Notification {
		return tenon.Notification{
			Key: "flags.rolled_back/" + r.Key + "/" + decimal(r.Version), Kind: "flags.rolled_back", Severity: severity, At: r.At,
			Title: "The rollout of " + r.Key + " went back from " + percentText(from.Percent) + " to " + percentText(to.Percent),
			Text:  why + "\nIt stays there until a person resumes it.",
			Data: map[string]string{
				"flag": r.Key, "version": decimal(r.Version), "from": percentText(from.Percent), "to": percentText(to.Percent),
			},
		}
	}
}

func percentText(p float64) string { return strconv.FormatFloat(p, 'f', -1, 64) + " %" }

// clipText makes of what a guard said a reason that can be stored.
func clipText(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
	if len(s) > maxReason {
		return strings.ToValidUTF8(s[:maxReason-4], "") + "…"
	}
	return s
}

// chooseExtra returns the tenants that the next stage needs beside those of its percentage.
func (s *Set) chooseExtra(ctx context.Context, c *compiled) ([]string, error) {
	ramp := c.definition.Rollout.Ramp
	stage := ramp.Stages[ramp.Reached]
	if stage.AtLeast == 0 {
		return nil, nil
	}
	if s.options.Population == nil {
		return nil, tenon.Invalid("rollout.ramp", "the stage asks for a number of tenants, and there is no Options.Population")
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	population, err := s.options.Population(ctx)
	if err != nil {
		return nil, fmt.Errorf("the population cannot be had: %w", err)
	}
	next := c.definition.clone()
	next.Rollout.Ramp.Reached++
	then, err := compile(&next, s.live.Load().segments)
	if err != nil {
		return nil, err
	}
	return then.missing(population, stage.AtLeast), nil
}

// missing returns who of the population joins the rollout so that it has at least n: those with the lowest hashes.
func (c *compiled) missing(population []Who, n int) []string {
	type candidate struct {
		key  string
		hash uint32
	}
	var others []candidate
	counted := map[string]bool{}
	for i := range population {
		key := population[i].key(c.by)
		if key == "" || counted[key] {
			continue
		}
		counted[key] = true
		if c.rollout.has(key, &population[i]) {
			n--
		} else {
			others = append(others, candidate{key, c.rollout.salt.hash(key)})
		}
	}
	slices.SortFunc(others, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), strings.Compare(a.key, b.key))
	})
	var chosen []string
	for _, o := range others[:min(max(n, 0), len(others))] {
		chosen = append(chosen, o.key)
	}
	return chosen
}
