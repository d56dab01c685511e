package ratelimit

import (
	"fmt"
	"strconv"
	"time"

	"golang.org/x/time/rate"
)

// Algorithm is how a [Limit] counts.
type Algorithm uint8

// The algorithms, each with the most that it lets through within any window of the length W, wherever it starts.
const (
	// Strict is a sliding window in [Cells] cells whose oldest is counted whole: at most Max within Limit.Window. Under
	// steady demand it gives at least Cells/(Cells+1) of Max.
	Strict Algorithm = iota
	// TokenBucket is the bucket of x/time/rate, kept as in GCRA: at most Burst + Rate × W.
	TokenBucket
	// Calendar counts by hour, day, week or month of a time zone: at most Max within the period, and so at most twice
	// Max within a window as long as a period that begins in one and ends in the next.
	Calendar
	// Concurrency counts what is in flight: at most Max at any instant. Who never gives back is forgotten after
	// Limit.Window, and at the latest a cell (Window / [Cells]) after that.
	Concurrency
)

var algorithmNames = [...]string{"strict", "token bucket", "calendar", "concurrency"}

// String returns the name: "strict".
func (a Algorithm) String() string {
	if int(a) < len(algorithmNames) {
		return algorithmNames[a]
	}
	return "algorithm " + strconv.Itoa(int(a))
}

// Cells is into how many cells a window of [Strict] and of [Concurrency] is cut. What was taken in a cell is free again
// when a whole window has passed since the cell's end.
const Cells = 23

// Period is the length of a [Calendar] window.
type Period uint8

// The periods. A week begins on Monday.
const (
	NoPeriod Period = iota
	Hourly
	Daily
	Weekly
	Monthly
)

var periodNames = [...]string{"none", "hour", "day", "week", "month"}

// String returns what the period is: "day".
func (p Period) String() string {
	if int(p) < len(periodNames) {
		return periodNames[p]
	}
	return "period " + strconv.Itoa(int(p))
}

// Away says what a limit does while the store that shares it cannot be asked.
type Away uint8

// The policies.
const (
	// AwayDeny refuses.
	AwayDeny Away = iota
	// AwayAllow lets everything through.
	AwayAllow
	// AwayLocal lets this process have its share: the limit divided by Options.Processes, at least 1.
	AwayLocal
)

// Limit is how much a key may take. PerSecond, PerMinute, Per, Bucket, PerDay, PerMonth, InFlight and NoLimit make one.
type Limit struct {
	// Name is the policy's name in decisions and header fields. Empty: made from the numbers. The names of limits that
	// are decided together differ.
	Name      string
	Algorithm Algorithm
	// Max is how many units: within Window (Strict), within Period (Calendar), at the same time (Concurrency). 0 denies
	// everything.
	Max int64
	// Window is the length of a Strict window, a millisecond to 10 years; for Concurrency how long a holder may live.
	Window time.Duration
	// Rate is how many units a second a TokenBucket gains. 0 denies everything; rate.Inf denies nothing, for each
	// algorithm.
	Rate rate.Limit
	// Burst is how many units a TokenBucket holds. 0 denies everything.
	Burst int
	// Period is the window of a Calendar.
	Period Period
	// Zone is where a Calendar's period begins; nil is UTC.
	Zone *time.Location
	// Away is what happens while the store cannot be asked. It says nothing without a store.
	Away Away
	// Lease is how many units a process takes from the store at a time, to give them out without asking. 0: 16 when
	// the limit is at least 256 × Options.Processes, else 1. The most that leases keep from being used is one lease for
	// each process.
	Lease int64
}

// Per returns a Strict limit of n units in any window.
func Per(n int64, window time.Duration) Limit { return Limit{Max: n, Window: window} }

// PerSecond returns a Strict limit of n units in any second.
func PerSecond(n int64) Limit { return Per(n, time.Second) }

// PerMinute returns a Strict limit of n units in any minute.
func PerMinute(n int64) Limit { return Per(n, time.Minute) }

// PerHour returns a Strict limit of n units in any hour.
func PerHour(n int64) Limit { return Per(n, time.Hour) }

// Bucket returns a TokenBucket as [rate.NewLimiter] makes it.
func Bucket(r rate.Limit, burst int) Limit {
	return Limit{Algorithm: TokenBucket, Rate: r, Burst: burst}
}

// PerDay returns a Calendar limit of n units a day in zone; nil is UTC. A day in which clocks change is as long as it
// is.
func PerDay(n int64, zone *time.Location) Limit {
	return Limit{Algorithm: Calendar, Max: n, Period: Daily, Zone: zone}
}

// PerMonth returns a Calendar limit of n units a month in zone; nil is UTC.
func PerMonth(n int64, zone *time.Location) Limit {
	return Limit{Algorithm: Calendar, Max: n, Period: Monthly, Zone: zone}
}

// InFlight returns a Concurrency limit of n units at a time, which forgets who holds one for longer than lifetime.
func InFlight(n int64, lifetime time.Duration) Limit {
	return Limit{Algorithm: Concurrency, Max: n, Window: lifetime}
}

// NoLimit returns a limit that denies nothing.
func NoLimit() Limit { return Limit{Algorithm: TokenBucket, Rate: rate.Inf} }

// Unlimited says whether the limit denies nothing.
func (l Limit) Unlimited() bool { return l.Rate == rate.Inf }

// Ceiling is the most units that one call can be given: Max, or Burst for a TokenBucket, and 0 for a limit that denies
// everything. It says nothing about a limit that is Unlimited.
func (l Limit) Ceiling() int64 {
	if l.Algorithm != TokenBucket {
		return l.Max
	}
	if l.Rate == 0 {
		return 0
	}
	return int64(l.Burst)
}

// Policy is the limit's name in decisions: Name, or one made from the numbers: "120/1m0s", "5/s+10", "1000/day".
func (l Limit) Policy() string {
	switch {
	case l.Name != "":
		return l.Name
	case l.Unlimited():
		return "unlimited"
	case l.Algorithm == TokenBucket:
		return fmt.Sprintf("%s/s+%d", strconv.FormatFloat(float64(l.Rate), 'g', 6, 64), l.Burst)
	case l.Algorithm == Calendar:
		return fmt.Sprintf("%d/%s", l.Max, l.Period)
	case l.Algorithm == Concurrency:
		return fmt.Sprintf("%d/in flight", l.Max)
	default:
		return fmt.Sprintf("%d/%s", l.Max, l.Window)
	}
}
