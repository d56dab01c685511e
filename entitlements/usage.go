package entitlements

import (
	"context"
	"time"

	"github.com/transbotai/tenon"
)

// Aggregation says what is made of the events in a bucket.
type Aggregation string

// The aggregations.
const (
	Sum    Aggregation = "sum"    // of quantities; the default
	Count  Aggregation = "count"  // of events, corrections taken off
	Max    Aggregation = "max"    // the largest quantity
	Unique Aggregation = "unique" // distinct values of a property
	Latest Aggregation = "latest" // the quantity of the last event
)

// UsageQuery asks what a tenant used.
type UsageQuery struct {
	Tenant      string      // required
	Feature     string      // required
	From, To    time.Time   // From ≤ t < To; zero From is the present period's start, zero To its end
	Bucket      Period      // zero: one bucket for all; at most 10,000 buckets
	Aggregation Aggregation // empty: Sum
	Property    string      // of the metadata, for Unique: a top-level name; an event without it is not counted
	Anchor      time.Time   // what buckets are counted from; zero: the tenant's billing cycle
}

// Bucket is a period and what was used in it.
type Bucket struct {
	Start, End time.Time
	Value      int64
}

// Usage returns the buckets of q that hold events. It reads the events, not the counters: what it says of a period is
// what was really used, corrections and late events included.
func (g *Gate) Usage(ctx context.Context, q UsageQuery) ([]Bucket, error) {
	reporter, err := g.reporter()
	if err != nil {
		return nil, err
	}
	if err := q.validate(); err != nil {
		return nil, prefix(err)
	}
	if err := g.complete(ctx, &q); err != nil {
		return nil, err
	}
	return reporter.Usage(ctx, q)
}

func (q *UsageQuery) validate() error {
	if err := validText("tenant", q.Tenant, true); err != nil {
		return err
	}
	if err := validText("feature", q.Feature, true); err != nil {
		return err
	}
	switch q.Aggregation {
	case "":
		q.Aggregation = Sum
	case Sum, Count, Max, Latest:
	case Unique:
		if err := validText("property", q.Property, true); err != nil {
			return err
		}
	default:
		return tenon.Invalid("aggregation", "%q is not sum, count, max, unique or latest", q.Aggregation)
	}
	for field, t := range map[string]time.Time{"from": q.From, "to": q.To, "anchor": q.Anchor} {
		if err := validInstant(field, t); err != nil {
			return err
		}
	}
	return q.Bucket.validate("bucket")
}

const maxBuckets = 10_000

// complete fills what q leaves open from the tenant's billing cycle.
func (g *Gate) complete(ctx context.Context, q *UsageQuery) error {
	s, now, err := g.standing(ctx, q.Tenant)
	if err != nil {
		return err
	}
	versions, err := g.knowing(ctx, q.Feature, s.Rights)
	if err != nil {
		return err
	}
	terms := versions.Terms(s.Rights, q.Feature, now)
	if q.Anchor.IsZero() {
		q.Anchor = terms.Anchor
	}
	period := Monthly
	if len(terms.Limits) > 0 {
		period = terms.Limits[0].Period
	}
	start, end := period.Bounds(terms.Anchor, now)
	q.From, q.To = orElse(q.From, start), orElse(q.To, end)
	if !q.From.Before(q.To) {
		return prefix(tenon.Invalid("to", "does not lie after from"))
	}
	if q.Bucket.Unit != Lifetime && !q.Bucket.fits(q.From, q.To) {
		return prefix(tenon.Invalid("bucket", "makes more than %d buckets", maxBuckets))
	}
	return nil
}

func orElse(t, other time.Time) time.Time {
	if t.IsZero() {
		return other
	}
	return tenon.Instant(t)
}

// fits says whether from and to span at most maxBuckets of p.
func (p Period) fits(from, to time.Time) bool {
	day := (24 * time.Hour).Microseconds() // a time.Duration reaches no further than 292 years
	length := p.fixed().Microseconds()
	switch p.Unit {
	case Month:
		length = 28 * day * int64(p.count())
	case Year:
		length = 365 * day * int64(p.count())
	}
	return (to.UnixMicro()-from.UnixMicro())/length <= maxBuckets
}

// Buckets returns the empty buckets of a completed q, for a store to fill: the first and the last are cut to From and
// To.
func (q UsageQuery) Buckets() []Bucket {
	if q.Bucket.Unit == Lifetime {
		return []Bucket{{Start: q.From, End: q.To}}
	}
	var buckets []Bucket
	for start := q.From; start.Before(q.To); {
		_, end := q.Bucket.Bounds(q.Anchor, start)
		if end.After(q.To) {
			end = q.To
		}
		buckets = append(buckets, Bucket{Start: start, End: end})
		start = end
	}
	return buckets
}
