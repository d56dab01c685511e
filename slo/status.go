package slo

import "time"

// Health is where an objective stands.
type Health string

// The healths, from the one that says nothing to the worst.
const (
	NoData     Health = "no_data"     // nothing was counted in the window: neither good nor bad
	LowTraffic Health = "low_traffic" // too little was counted to judge; see [Traffic]
	Healthy    Health = "healthy"
	AtRisk     Health = "at_risk"   // more than half of the budget is consumed
	Exhausted  Health = "exhausted" // nothing is left, and nothing is broken yet
	Breached   Health = "breached"  // the target is missed
)

// Status is how an objective does.
type Status struct {
	Objective Objective
	At        time.Time
	From      time.Time // the window is from here to At
	Excluded  time.Duration
	Health    Health
	Count     Count
	// Current is good over valid; 0 with NoData.
	Current float64
	// Allowed is how many of the valid events may be bad.
	Allowed float64
	// Consumed is the share of the budget that is used: exactly 1 when bad events reach it, +Inf when a target of
	// 100 % failed once.
	Consumed float64
	// Remaining is 1 − Consumed, negative when the target is missed.
	Remaining float64
	Burns     []Burn
	Forecast  Forecast
	Alerts    []Episode // open
	Latency   Latencies // of the last hour or the window, whichever is shorter; zero when nothing measures durations

	silent bool // nothing was counted for as long as Objective.Absence says
	heard  bool // something was, in that time
}

// Burn is how fast a budget burns over the windows of a tier.
type Burn struct {
	Tier   Tier
	Long   Count
	Short  Count
	Firing bool
}

// Forecast is when the budget will be used up if it goes on as in the window Over.
type Forecast struct {
	Over time.Duration
	Rate float64 // the burn rate there
	// Exhausts is the instant; it is zero when that lies further away than one period of the objective, or never.
	Exhausts time.Time
}

// Latencies are quantiles for display, within 1 %.
type Latencies struct {
	P50, P95, P99 time.Duration
}

// Report is how all objectives do at an instant.
type Report struct {
	At       time.Time
	Statuses []Status // by tenant and name
	Freeze   Freeze
	Override *Override // the one in force that ends last
}

// Status returns the status of an objective, and false when there is no such objective.
func (r Report) Status(k Key) (Status, bool) {
	for _, s := range r.Statuses {
		if s.Objective.Key == k {
			return s, true
		}
	}
	return Status{}, false
}

// acts says whether more than the share of the budget is consumed by numbers that are large enough to act upon.
func (s *Status) acts(share PPM) bool {
	o := s.Objective
	return o.enough(s.Count) && s.Count.CompareUsed(o.Target, share) > 0
}

func (o Objective) health(c Count) Health {
	used := c.CompareUsed(o.Target, Whole)
	switch {
	case c.Valid == 0:
		return NoData
	case o.few(c):
		return LowTraffic
	case used > 0:
		return Breached
	case used == 0 && c.Bad() > 0:
		return Exhausted
	case c.CompareUsed(o.Target, Whole/2) > 0:
		return AtRisk
	}
	return Healthy
}
