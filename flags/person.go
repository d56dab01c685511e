package flags

import (
	"context"
	"time"

	"github.com/transbotai/tenon"
)

// Ramp starts a rollout by stages. A flag without a rollout gets one, which must be a bool flag; a rollout keeps what it
// serves. Until the first stage begins the percentage is 0.
func (s *Set) Ramp(ctx context.Context, key string, schedule Schedule, reason string) (Definition, error) {
	schedule.Reached, schedule.Since, schedule.State, schedule.Note = 0, time.Time{}, RampRunning, ""
	return s.edit(ctx, key, action{name: "flags.ramp_started", reason: reason}, existing(func(d *Definition) error {
		if d.Rollout == nil {
			d.Rollout = &Rollout{}
		}
		d.Rollout.Ramp = &schedule
		return nil
	}))
}

// Advance begins the next stage now, whatever its time and the guards say. A ramp that was paused or rolled back goes on
// from there.
func (s *Set) Advance(ctx context.Context, key, reason string) (Definition, error) {
	if err := s.refresh(ctx); err != nil {
		return Definition{}, err
	}
	c := s.live.Load().flags[key]
	if c == nil {
		return Definition{}, ErrUnknownFlag
	}
	if r := c.definition.Rollout; r == nil || r.Ramp == nil || r.Ramp.Reached == len(r.Ramp.Stages) {
		return Definition{}, ErrNoRamp
	}
	extra, err := s.chooseExtra(ctx, c)
	if err != nil {
		return Definition{}, prefix(err)
	}
	return s.moveRamp(ctx, key, action{name: "flags.ramp_advanced", reason: reason}, func(d *Definition, now time.Time) error {
		if d.Version != c.version {
			return ErrConflict
		}
		d.Rollout.Ramp.State = RampRunning
		return beginWith(extra)(d, now)
	})
}

// Pause keeps a running ramp where it is. Its guards are not asked meanwhile.
func (s *Set) Pause(ctx context.Context, key, reason string) (Definition, error) {
	return s.moveRamp(ctx, key, action{name: "flags.ramp_paused", reason: reason}, func(d *Definition, _ time.Time) error {
		ramp := d.Rollout.Ramp
		if ramp.state() != RampRunning {
			return ErrNoRamp
		}
		ramp.State, ramp.Note = RampPaused, reason
		return nil
	})
}

// Resume lets a ramp go on that was paused or rolled back. After a rollback the present stage lasts as long as was
// planned before the next begins.
func (s *Set) Resume(ctx context.Context, key, reason string) (Definition, error) {
	return s.moveRamp(ctx, key, action{name: "flags.ramp_resumed", reason: reason}, func(d *Definition, now time.Time) error {
		return d.Rollout.Ramp.resume(now)
	})
}

func (s *Schedule) resume(now time.Time) error {
	switch s.state() {
	case RampRolledBack:
		s.Since = now
		if i := s.Reached; i > 0 && i < len(s.Stages) && !s.Stages[i].At.IsZero() && !s.Stages[i-1].At.IsZero() {
			next := now.Add(s.Stages[i].At.Sub(s.Stages[i-1].At))
			s.shift(i, max(next.Sub(s.Stages[i].At), 0))
		}
	case RampPaused:
	default:
		return ErrNoRamp
	}
	s.State, s.Note = RampRunning, ""
	return nil
}

// Rollback takes a ramp back to the stage before, where it stays until [Set.Resume].
func (s *Set) Rollback(ctx context.Context, key, reason string) (Definition, error) {
	if err := s.refresh(ctx); err != nil {
		return Definition{}, err
	}
	c := s.live.Load().flags[key]
	if c == nil {
		return Definition{}, ErrUnknownFlag
	}
	if r := c.definition.Rollout; r == nil || r.Ramp == nil || r.Ramp.Reached == 0 {
		return Definition{}, ErrNoRamp
	}
	a := action{name: "flags.rolled_back", reason: reason, notify: rolledBack(c.definition, reason, tenon.SeverityWarning)}
	return s.moveRamp(ctx, key, a, func(d *Definition, now time.Time) error {
		if d.Version != c.version {
			return ErrConflict
		}
		return backStep(reason)(d, now)
	})
}

// RampReport is a ramp and why it does not move.
type RampReport struct {
	Key      string
	Schedule Schedule
	Holding  []string // why the next stage does not begin, as this process last saw it; empty when nothing holds it
}

// Ramps returns every ramp that is live, by the flag's key.
func (s *Set) Ramps() []RampReport {
	snap := s.live.Load()
	var all []RampReport
	for _, key := range snap.keys() {
		d := snap.flags[key].definition
		if d.Rollout != nil && d.Rollout.Ramp != nil {
			copied := d.clone()
			all = append(all, RampReport{Key: key, Schedule: *copied.Rollout.Ramp, Holding: s.holds.get(key)})
		}
	}
	return all
}
