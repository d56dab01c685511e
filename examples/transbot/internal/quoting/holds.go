package quoting

import (
	"context"
	"errors"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// holds are units set aside for a job, in the order in which they were asked for.
type holds struct {
	desk *Desk
	open []entitlements.Hold
}

// reserve sets aside what the uses ask for, up to the first that is refused, and returns the last decision.
func (h *holds) reserve(ctx context.Context, uses ...entitlements.Use) (entitlements.Decision, error) {
	var last entitlements.Decision
	for _, u := range uses {
		r, err := h.desk.gate.Reserve(ctx, u, holdFor)
		last = r.Decision
		if err != nil || !last.Allowed {
			return last, err
		}
		h.open = append(h.open, r.Hold)
	}
	return last, nil
}

// commit turns each hold into the actual use, by a gate of the transaction that the work is in, and returns the last
// decision.
func (h *holds) commit(ctx context.Context, gate *entitlements.Gate, actual ...int64) (entitlements.Decision, error) {
	var last entitlements.Decision
	for i, hold := range h.open {
		s, err := gate.Commit(ctx, hold, actual[i])
		if err != nil {
			return last, err
		}
		if s.Ungated > 0 { // the job outlived its hold and others took what was left; it is done, and counted
			h.desk.logger.WarnContext(ctx, "counted beyond the limit", "company", hold.Tenant, "feature", hold.Feature, "units", s.Ungated)
		}
		last = s.Decision
	}
	return last, nil
}

// release gives back what is still held, whatever became of ctx. One that fails expires by itself.
func (h *holds) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, hold := range h.open {
		err := h.desk.gate.Release(ctx, hold)
		if err != nil && !errors.Is(err, entitlements.ErrHoldClosed) { // closed: the commit went through after all
			h.desk.logger.WarnContext(ctx, "hold not released", "company", hold.Tenant, "feature", hold.Feature, "err", err)
		}
	}
}
