package ratelimit

import "time"

// calendar is a Calendar's row at one instant: when the period began, in nanoseconds since 1970, and what was taken.
type calendar struct {
	span
	used int64
}

// readCalendar reads a locked row. When the clock goes back behind the period, that goes on.
func (r *rule) readCalendar(row *row, wall time.Time) calendar {
	c := calendar{span: *r.spanOf(wall)}
	start := int64(row[1].Load())
	if start < c.start {
		return c
	}
	if start > c.start {
		c.span = *r.spanOf(time.Unix(0, start))
	}
	c.used = int64(row[2].Load())
	return c
}

func (c *calendar) left(r *rule) int64 { return max(r.Max-c.used, 0) }

// refund gives back what was taken in the present period.
func (c *calendar) refund(n, at int64) {
	if at >= c.start {
		c.used = max(c.used-n, 0)
	}
}

// write keeps the row until the period ends: so many nanoseconds from now, both by the monotonic clock.
func (c *calendar) write(row *row, now int64, wall time.Time) {
	end := now + max(c.end-wall.UnixNano(), 0)
	row[0].Store(untilWord(end))
	row[1].Store(uint64(c.start))
	row[2].Store(uint64(c.used))
}
