package support

import (
	"slices"
	"time"
)

// year is the open time of one year of UTC: intervals in nanoseconds since its start, which neither overlap nor touch.
type year struct {
	number int
	start  int64 // Unix time in seconds
	length int64 // of the year
	starts []int64
	ends   []int64
	sums   []int64 // the open time before each interval; one more than there are
}

// quarter divides the times at which zones change.
const quarter = 15 * time.Minute

// lastInstant is the last of the years that are known. One later would be of a year that cannot be written as RFC 3339
// wants it.
var lastInstant = yearStart(lastYear + 1).Add(-1)

func yearStart(n int) time.Time { return time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC) }

// year makes the table of a year: for every stretch in which the zone's offset stays, the spans of the local dates in
// it, cut to the stretch.
func (c *compiled) year(n int) *year {
	start, end := yearStart(n), yearStart(n+1)
	y := &year{number: n, start: start.Unix(), length: int64(end.Sub(start))}
	for t := start; t.Before(end); {
		local := t.In(c.zone)
		_, until := local.ZoneBounds()
		if !until.IsZero() && !until.After(t) { // it takes every year for 365 days, where the zone goes by a rule
			until = t.Add(quarter)
		}
		if until.IsZero() || until.After(end) {
			until = end
		}
		_, offset := local.Zone()
		c.stretch(y, t.Unix(), until.Unix(), int64(offset))
		t = until
	}
	y.sums = make([]int64, len(y.starts)+1)
	for i := range y.starts {
		y.sums[i+1] = y.sums[i] + y.ends[i] - y.starts[i]
	}
	return y
}

// stretch adds the open time from one Unix time to another, in which local clocks are offset seconds ahead.
func (c *compiled) stretch(y *year, from, to, offset int64) {
	for day := dayOf(from + offset); day <= dayOf(to+offset-1); day++ {
		midnight := int64(day)*24*60*60 - offset
		for _, s := range c.spansOn(day) {
			begin, end := max(midnight+int64(s.From)*60, from), min(midnight+int64(s.To)*60, to)
			if begin < end {
				y.add((begin-y.start)*int64(time.Second), (end-y.start)*int64(time.Second))
			}
		}
	}
}

func (y *year) add(begin, end int64) {
	if n := len(y.ends); n > 0 && y.ends[n-1] == begin {
		y.ends[n-1] = end
		return
	}
	y.starts, y.ends = append(y.starts, begin), append(y.ends, end)
}

func (y *year) instant(at int64) time.Time {
	return time.Unix(y.start+at/int64(time.Second), at%int64(time.Second)).UTC()
}

func (y *year) total() int64 { return y.sums[len(y.starts)] }

// interval returns the last interval that begins at or before at, -1 when there is none.
func (y *year) interval(at int64) int {
	i, found := slices.BinarySearch(y.starts, at)
	if found {
		return i
	}
	return i - 1
}

// before returns the open time before at.
func (y *year) before(at int64) int64 {
	i := y.interval(at)
	if i < 0 {
		return 0
	}
	return y.sums[i] + min(at, y.ends[i]) - y.starts[i]
}

// reached returns the first instant before which d of the year is open; d is above 0 and at most the total.
func (y *year) reached(d int64) int64 {
	i, _ := slices.BinarySearch(y.sums, d) // sums[i-1] < d <= sums[i]
	return y.starts[i-1] + d - y.sums[i-1]
}

// left returns the last instant before which d of the year is open; d is below the total.
func (y *year) left(d int64) int64 {
	i, found := slices.BinarySearch(y.sums, d)
	if !found {
		i--
	}
	return y.starts[i] + d - y.sums[i]
}
