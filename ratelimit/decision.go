package ratelimit

import (
	"strconv"
	"time"
)

// Reason says why a [Decision] is what it is.
type Reason uint8

// The reasons.
const (
	ReasonAllowed  Reason = iota // within every limit
	ReasonLimit                  // the limit is reached; RetryAfter says for how long, unless it cannot be known
	ReasonTooMuch                // more than the limit ever gives at once: waiting does not help
	ReasonAway                   // the store could not be asked, and the limit's Away policy decided
	ReasonReserved               // others wait in line who have reserved what comes next
)

var reasonNames = [...]string{"allowed", "limit_reached", "too_much", "unavailable", "reserved"}

// String returns the reason's name: "limit_reached".
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "reason " + strconv.Itoa(int(r))
}

// Decision is the answer about one call. Of several limits it speaks of the one that denied, or else of the one that
// has least left.
type Decision struct {
	Allowed bool
	Reason  Reason

	spilled bool // something was taken in the overflow
	share   bool // it was taken in this process's share of the limits, while the store was away

	// Cost is how many units were asked for. Refund gives back as many; lower it to give back fewer.
	Cost      int64
	Limit     int64 // the most units that the limit gives at once, -1 when it is unlimited
	Remaining int64 // units that are left now, at least 0; -1 when it is unlimited
	// RetryAfter is after how long the same call succeeds if nobody else comes: not a nanosecond earlier (a microsecond
	// with a store). 0 when the call was allowed, when waiting does not help, and when nobody can know.
	RetryAfter time.Duration
	// ResetAfter is after how long everything is free again if nobody else comes.
	ResetAfter time.Duration
	// Policy names the limit: [Limit.Policy].
	Policy string

	at    int64         // when the units were taken: nanoseconds of the limiter's clock, or microseconds of the store's
	lapse time.Duration // with a store: Op.Lapse
}

// denied fills d in: wait is until the call would succeed, reset until everything is free.
func (d *Decision) denied(r *rule, n, left int64, wait, reset time.Duration) {
	d.Reason, d.Cost, d.Limit, d.Policy = ReasonLimit, n, r.ceiling, r.policy
	d.Remaining, d.RetryAfter, d.ResetAfter = left, wait, reset
}

// allowed fills d in: at is when the units were taken.
func (d *Decision) allowed(r *rule, n, left int64, reset time.Duration, at int64) {
	d.Allowed, d.Cost, d.Limit, d.Policy = true, n, r.ceiling, r.policy
	d.Remaining, d.ResetAfter, d.at = left, reset, at
}
