package ratelimitpg

import (
	"context"
	"time"

	"github.com/transbotai/tenon/ratelimit"
)

// SettleAt settles as a process does whose clock says now.
func SettleAt(ctx context.Context, db DB, now time.Time, ops ...ratelimit.Op) ([]ratelimit.Outcome, error) {
	c := newCall(ops, func() time.Time { return now })
	c.numbers[0] = 0 // the server's
	var answer []int64
	if err := db.QueryRow(ctx, settleSQL, c.tenants, c.names, c.limitIDs, c.numbers).Scan(&answer); err != nil {
		return nil, err
	}
	return outcomes(answer, len(ops))
}
