package ratelimitredis

import (
	"context"
	"time"

	"github.com/transbotai/tenon/ratelimit"
)

// SettleAt settles on one server as a process does whose clock says now.
func SettleAt(ctx context.Context, s *Store, now time.Time, ops ...ratelimit.Op) ([]ratelimit.Outcome, error) {
	c := s.newCaller(len(ops))
	c.now = now
	for i, op := range ops {
		c.add(i, op)
	}
	done := c.done()
	a := s.run(ctx, []call{done})[0]
	if a.err != nil {
		return nil, a.err
	}
	outcomes := make([]ratelimit.Outcome, len(ops))
	return outcomes, done.outcomes(a.text, outcomes)
}
