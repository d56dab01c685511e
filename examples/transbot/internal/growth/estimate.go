package growth

import (
	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// MaxLanes bounds what the calculator takes.
const MaxLanes = 10_000

// What the estimate assumes, which the calculator's page says.
const (
	QuotesPerLane = 4     // that a lane is priced in a month: once a week
	MinutesByHand = 20    // that a price takes by telephone and mail
	MinutesHere   = 3     // that it takes here, with the time to read it
	HourCents     = 38_00 // that an hour of a dispatcher costs, with everything
)

// Estimate is what a company may save in a month:
//
//	quotes = lanes × 4
//	hours  = quotes × (20 − 3) minutes
//	saving = hours × $38.00 − the price of the smallest plan with so many quotes
type Estimate struct {
	Lanes   int
	Quotes  int64
	Minutes int64 // that are saved
	Time    int64 // cents that these are worth, rounded down
	Plan    entitlements.Plan
	Saving  int64 // cents; below 0 it costs more than it saves
}

// Year is the saving of twelve months, in cents.
func (e Estimate) Year() int64 { return 12 * e.Saving }

// Short is what it costs more than it saves, in cents.
func (e Estimate) Short() int64 { return -e.Saving }

// Hours are those that are saved, rounded down.
func (e Estimate) Hours() int64 { return e.Minutes / 60 }

// Calculate estimates for so many lanes, with plans by tier. So many as nobody has are a [tenon.FieldError].
func Calculate(lanes int, plans []entitlements.Plan) (Estimate, error) {
	if err := checkLanes(lanes); err != nil {
		return Estimate{}, err
	}
	e := Estimate{Lanes: lanes, Quotes: int64(lanes) * QuotesPerLane}
	e.Minutes = e.Quotes * (MinutesByHand - MinutesHere)
	e.Time = e.Minutes * HourCents / 60
	for _, p := range plans {
		if e.Plan = p; includes(p, e.Quotes) {
			break
		}
	}
	e.Saving = e.Time - e.Plan.Monthly
	return e, nil
}

// includes says whether a plan has room for so many quotes a month.
func includes(p entitlements.Plan, quotes int64) bool {
	for _, l := range p.Features["rates"].Limits {
		if l.Hard != entitlements.Unlimited && l.Hard < quotes {
			return false
		}
	}
	return true
}

func checkLanes(lanes int) error {
	if lanes < 1 || lanes > MaxLanes {
		return tenon.Invalid("lanes", "is not within 1 and %d", MaxLanes)
	}
	return nil
}
