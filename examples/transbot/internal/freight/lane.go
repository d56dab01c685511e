package freight

import (
	"time"

	"github.com/transbotai/tenon"
)

// A truck's load. What is heavier or longer is no lane of this platform.
const (
	MaxWeight  = 20_000 // kilograms
	MaxPallets = 26
)

// Lane is what a company asks a price for.
type Lane struct {
	Origin      string `json:"origin"`
	Destination string `json:"destination"`
	WeightKG    int    `json:"weight_kg"`
	Pallets     int    `json:"pallets,omitempty"`  // 0: loose
	ReadyOn     string `json:"ready_on,omitempty"` // a date, YYYY-MM-DD; empty: not said
}

// Rate is what a lane costs.
type Rate struct {
	Lane       Lane // with the places as the platform spells them
	DistanceKM int
	PriceCents int64 // US dollars
}

// The parts of a price, in cents.
const (
	baseCents    = 85_00  // each load
	emptyCents   = 60     // each kilometre, however little is loaded
	fullCents    = 90     // each kilometre on top, times the share of the truck that is taken
	minimumCents = 150_00 // no load costs less
)

// RateLane prices a lane:
//
//	load  = the larger of weight / 20,000 kg and pallets / 26
//	price = $85.00 + distance × ($0.60 + $0.90 × load), at least $150.00
//
// where the distance in kilometres is the great circle times 1.2. A lane that cannot be rated is an [tenon.ErrInvalid]
// that names the field.
func RateLane(l Lane, today time.Time) (Rate, error) {
	l, err := l.normal(today)
	if err != nil {
		return Rate{}, err
	}
	km := distance(l.Origin, l.Destination)
	load := max(l.WeightKG*1000/MaxWeight, l.Pallets*1000/MaxPallets) // thousandths
	cents := baseCents + int64(km)*int64(emptyCents*1000+fullCents*load)/1000
	return Rate{Lane: l, DistanceKM: km, PriceCents: max(cents, minimumCents)}, nil
}

// normal returns the lane as the platform spells it.
func (l Lane) normal(today time.Time) (Lane, error) {
	from, ok := findPlace(l.Origin)
	if !ok {
		return l, tenon.Invalid("origin", "is not a place that we serve")
	}
	to, ok := findPlace(l.Destination)
	if !ok {
		return l, tenon.Invalid("destination", "is not a place that we serve")
	}
	l.Origin, l.Destination = from, to
	switch {
	case from == to:
		return l, tenon.Invalid("destination", "is the origin too")
	case l.WeightKG < 1 || l.WeightKG > MaxWeight:
		return l, tenon.Invalid("weight_kg", "is not within 1 and %d", MaxWeight)
	case l.Pallets < 0 || l.Pallets > MaxPallets:
		return l, tenon.Invalid("pallets", "is not within 0 and %d", MaxPallets)
	}
	return l, l.checkReadyOn(today)
}

func (l Lane) checkReadyOn(today time.Time) error {
	if l.ReadyOn == "" {
		return nil
	}
	day, err := time.Parse(time.DateOnly, l.ReadyOn)
	if err != nil {
		return tenon.Invalid("ready_on", "is not a date of the form 2006-01-02")
	}
	today = today.UTC().Truncate(24 * time.Hour)
	// A day back is today where the customer lives.
	if day.Before(today.AddDate(0, 0, -1)) || day.After(today.AddDate(1, 0, 0)) {
		return tenon.Invalid("ready_on", "is not within today and a year")
	}
	return nil
}
