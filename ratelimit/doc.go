// Package ratelimit decides how much may be taken under a key, and keeps to it: "120 a minute" holds in every minute,
// wherever it begins, in one process or in many.
//
//	lim, err := ratelimit.NewLimiter(nil, ratelimit.PerMinute(120))
//	if err != nil {
//		return err
//	}
//	d, err := lim.Take(ctx, ratelimit.Key{Tenant: "acme", Name: apiKey}, 1)
//	if err != nil {
//		return err
//	}
//	if !d.Allowed {
//		return tryAgainAfter(d.RetryAfter)
//	}
//
// Fixed windows and buckets as deep as the limit let twice as much through within one window: at its two ends. The
// default here, [Strict], does not. It cuts the window into [Cells] cells and counts the oldest whole, so that no
// window is ever exceeded; under steady demand that costs at most 1 part in Cells+1. The others are there by name,
// each with its bound stated: [TokenBucket], [Calendar], [Concurrency]. Several limits given to [NewLimiter] are one
// decision: all of them or none, and the one that denied is named.
//
// The words are those of golang.org/x/time/rate: [Bucket] takes a rate.Limit and a burst, [Limiter.Wait] and
// [Limiter.Reserve] behave as their users expect. What goes out to one service is paced by rate.Limiter itself; this
// package is for many keys.
//
// # In one process
//
// Without a store nothing waits, nothing runs in the background and nothing is allocated. Keys lie in a table that is
// set aside once (Options.MaxKeys), under seeded hashes that nobody can choose. A key that has not been used for a
// window is as good as absent: its place goes to the next that needs one. When the table is full, new keys share one
// limit: they get less than theirs, never more, and Stats says so.
//
// # Shared by processes
//
// With Options.Store (ratelimitredis, ratelimitpg) the store decides, by its own clock. Calls that wait at the same
// time travel together. Refusals are remembered for as long as they hold, at most a second. Under a large limit a
// process takes units ahead, in leases; they count as taken when they lapse, so that the bound stays what it is, and
// what leases keep from being used is at most one for each process and key. A [Strict] limit holds as its users see it,
// however late an answer is; the bound of a [TokenBucket] is that of the store's clock, and who is answered late, within
// Options.Timeout, comes so much later.
//
// # Failure
//
// A call waits for the store no longer than Options.Timeout. When there is no answer, each limit's [Away] policy
// decides: deny, allow, or let this process have its share of the limit; the Decision says so (ReasonAway). A call that
// was sent is never sent again, since it may have counted: it may then have taken units that nobody used; what it took
// of a [Concurrency] limit is given back when the answer comes after all. After 5 failures in a row the store is left
// alone for Options.Pause; then one call tries. What was let through by policy is not counted afterwards: across the
// store's absence a window may see as much of the policy's, and of the store's.
//
// Without a store a process that ends forgets what was taken.
package ratelimit
