package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

// Flag is the launch's: what comes with it is on for whom this is.
const Flag = "phase4"

// definition is the flag before its rollout.
func definition() flags.Definition {
	return flags.Definition{
		Key: Flag, Type: flags.TypeBool, Default: "off", Owner: "launch", Description: "What comes with phase 4. The control room rolls it out.",
	}
}

// leastCanaries is how many companies the first stage has at the least.
const leastCanaries = 2

// Rollout is how far the launch has come.
type Rollout struct {
	Begun      bool    // the first stage has begun, or waits to
	Percent    float64 // of the present stage; 0 before the first
	Stage      int     // stages begun, of Stages
	Stages     []flags.Stage
	State      flags.RampState // of a rollout that was begun
	RolledBack bool
	Note       string // why it is in that state
	Since      time.Time
	Next       time.Time // when the next stage begins; zero: at once, or when a person says so
	Holding    []string  // why it does not
	Disabled   bool      // the kill switch is turned
	On         []string  // companies that have it, by id
	Of         int       // companies there are
	Traffic    Traffic   // of the last hour
}

// Running says whether stages begin by themselves.
func (r Rollout) Running() bool { return r.Begun && (r.State == flags.RampRunning || r.State == "") }

// underWay says whether a rollout is not to be begun anew.
func (r Rollout) underWay() bool { return r.Begun && (r.Stage > 0 || r.Running()) }

// Traffic is how many requests came of companies that have the flag, and of all.
type Traffic struct{ On, All int64 }

// Share is the part of those that have it, in hundredths.
func (t Traffic) Share() float64 {
	if t.All == 0 {
		return 0
	}
	return 100 * float64(t.On) / float64(t.All)
}

func (t Traffic) String() string {
	if t.All == 0 {
		return "none"
	}
	return fmt.Sprintf("%.1f %% (%s of %s requests)", t.Share(), grouped(int64(t.On)), grouped(int64(t.All)))
}

// Rollout returns how far the launch has come.
func (d *Desk) Rollout(ctx context.Context) (r Rollout, err error) {
	all, err := d.companies.Companies(ctx, maxCompanies)
	if err != nil {
		return r, err
	}
	r.Of = len(all)
	def, err := d.Flags.Flag(Flag)
	if errors.Is(err, tenon.ErrNotFound) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	r.Disabled = def.Disabled
	if def.Rollout != nil && def.Rollout.Ramp != nil {
		r.follow(*def.Rollout.Ramp)
		r.Holding = d.holding()
	}
	if r.On, err = d.with(ctx, def); err != nil {
		return r, err
	}
	r.Traffic, err = d.traffic(ctx, r.On, time.Now().Add(-time.Hour))
	return r, err
}

// follow takes over what a ramp says.
func (r *Rollout) follow(ramp flags.Schedule) {
	r.Begun, r.Stages, r.Stage, r.State, r.Note, r.Since = true, ramp.Stages, ramp.Reached, ramp.State, ramp.Note, ramp.Since
	r.RolledBack = ramp.State == flags.RampRolledBack
	if present, ok := ramp.Present(); ok {
		r.Percent = present.Percent
	}
	r.Next, _ = ramp.Due()
}

// holding is why the next stage does not begin, as this process last saw it.
func (d *Desk) holding() []string {
	for _, report := range d.Flags.Ramps() {
		if report.Key == Flag {
			return report.Holding
		}
	}
	return nil
}

// maxCompanies bounds how many companies the room looks at.
const maxCompanies = 100_000

// with returns the companies that have the flag under a definition of it, by id.
func (d *Desk) with(ctx context.Context, def flags.Definition) ([]string, error) {
	nobody := definition()
	flips, err := d.Flags.Diff(ctx, nobody, def)
	var on []string
	for _, f := range flips {
		if f.After == "on" {
			on = append(on, f.Tenant)
		}
	}
	return on, err
}

const trafficSQL = `
select count(*) filter (where company_id = any ($1)), count(*)
from public.api_requests
where at >= $2
  and company_id <> ''`

func (d *Desk) traffic(ctx context.Context, on []string, since time.Time) (t Traffic, err error) {
	err = d.Pool.QueryRow(ctx, trafficSQL, on, since).Scan(&t.On, &t.All)
	return t, err
}

// Ask is what a rollout is started with.
type Ask struct {
	Canaries []string // companies that have it from the first stage on
	Reason   string
}

// StartRollout rolls the launch out: to the canaries and 5 % on day 0, to 50 % on day 1, to all on day 7, each stage only
// while the objectives are kept. A launch without a date begins now. [tenon.ErrConflict] when a rollout is under way.
func (d *Desk) StartRollout(ctx context.Context, a Ask) error {
	for _, c := range a.Canaries {
		if _, err := d.companies.Company(ctx, c); err != nil {
			if errors.Is(err, tenon.ErrNotFound) {
				return tenon.Invalid("canaries", "are companies by their ids: there is no %q", c)
			}
			return err
		}
	}
	r, err := d.Rollout(ctx)
	if err != nil {
		return err
	}
	if r.underWay() {
		return tenon.ErrConflict
	}
	start, err := d.Start(ctx)
	if err != nil {
		return err
	}
	if !start.Set() {
		start.At = time.Now().UTC()
		if err := d.Begin(ctx, start.At, a.Reason); err != nil {
			return err
		}
	}
	if err := d.Flags.Declare(ctx, definition()); err != nil {
		return err
	}
	_, err = d.Flags.Edit(ctx, Flag, func(def *flags.Definition) error { return begin(def, d.schedule(start, a.Canaries)) }, a.Reason)
	return err
}

// begin makes a ramp of the flag as it is stored: what this process has seen of it may be older, and a rollout that was
// started elsewhere meanwhile is not begun anew.
func begin(def *flags.Definition, ramp flags.Schedule) error {
	var r Rollout
	switch {
	case def.Rollout == nil:
		def.Rollout = &flags.Rollout{}
	case def.Rollout.Ramp != nil:
		r.follow(*def.Rollout.Ramp)
	}
	if r.underWay() {
		return tenon.ErrConflict
	}
	def.Rollout.Ramp = &ramp
	return nil
}

func (d *Desk) schedule(start Start, canaries []string) flags.Schedule {
	at := make([]time.Time, len(Days))
	for i, n := range Days {
		at[i] = start.Of(n)
	}
	s := flags.Ramp(percents...).At(at...).AtLeast(leastCanaries).Guard(d.Guard)
	s.Stages[0].Extra = slices.Compact(slices.Sorted(slices.Values(canaries)))
	return s
}

// HeldError says why the next stage did not begin.
type HeldError struct{ Verdict tenon.Verdict }

func (e *HeldError) Error() string { return "the next stage is held: " + e.Verdict.Reasons[0] }

// Unwrap says that this contradicts how things stand.
func (e *HeldError) Unwrap() error { return tenon.ErrConflict }

// Next begins the next stage now, if the guard lets it. Else it is a [HeldError], and nothing changes.
func (d *Desk) Next(ctx context.Context, reason string) error {
	v, err := d.Ops.Policy.Guard(ctx)
	if err != nil {
		return err
	}
	if held(v) {
		if len(v.Reasons) == 0 {
			v.Reasons = []string{"the guard says " + string(v.Outcome)}
		}
		return &HeldError{v}
	}
	_, err = d.Flags.Advance(ctx, Flag, reason)
	return err
}

// Hold keeps the rollout where it is until Resume.
func (d *Desk) Hold(ctx context.Context, reason string) error {
	_, err := d.Flags.Pause(ctx, Flag, reason)
	return err
}

// Resume lets a rollout go on that was held or went back.
func (d *Desk) Resume(ctx context.Context, reason string) error {
	_, err := d.Flags.Resume(ctx, Flag, reason)
	return err
}

// Back takes the rollout back a stage.
func (d *Desk) Back(ctx context.Context, reason string) error {
	_, err := d.Flags.Rollback(ctx, Flag, reason)
	return err
}

// Moment is a version of the launch's flag.
type Moment struct {
	At      time.Time
	By      string // empty: nobody in person
	Reason  string
	Stage   int
	Percent float64
	State   flags.RampState // empty: it runs, or there is no rollout yet
	Note    string
	Ramping bool
	body    flags.Definition
}

// maxMoments bounds the history.
const maxMoments = 100

// History returns the versions of the launch's flag, the newest first; none before the rollout was started.
func (d *Desk) History(ctx context.Context) ([]Moment, error) {
	records, err := d.Flags.Versions(ctx, Flag, 0, maxMoments)
	if errors.Is(err, tenon.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Moment
	for _, r := range records {
		m := Moment{At: r.At.UTC(), By: r.By, Reason: r.Reason, body: definition()}
		if r.Body != nil {
			if m.body, err = flags.ParseDefinition(bytes.NewReader(r.Body)); err != nil {
				return nil, err
			}
		}
		if m.body.Rollout != nil && m.body.Rollout.Ramp != nil {
			ramp := m.body.Rollout.Ramp
			m.Ramping, m.Stage, m.State, m.Note = true, ramp.Reached, ramp.State, ramp.Note
			if present, ok := ramp.Present(); ok {
				m.Percent = present.Percent
			}
		}
		all = append(all, m)
	}
	return all, nil
}
