package slo

import (
	"context"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Exclude takes time out of objectives; see [Exclusion]. The caller in ctx is the one who did it. It is recorded. The same
// time for the same reason is taken out once: a call that is sent again is given the exclusion that the first one made.
func (b *Board) Exclude(ctx context.Context, x Exclusion) (Exclusion, error) {
	if err := x.Check(); err != nil {
		return Exclusion{}, prefix(err)
	}
	now, err := b.now(ctx)
	if err != nil {
		return Exclusion{}, err
	}
	caller, _ := tenon.CallerFrom(ctx)
	x.ID, x.By, x.CreatedAt = tenon.NewID(now), caller.Actor, now
	x.From, x.To, x.Until = tenon.Instant(x.From), tenon.Instant(x.To), tenon.Instant(x.Until)
	_, err = b.change(ctx, func(s *State) (Effects, error) {
		if _, ok := s.objective(x.Key); !ok && x.Name != "" {
			return Effects{}, ErrUnknownObjective
		}
		if i := slices.IndexFunc(s.Exclusions, x.same); i >= 0 {
			x = s.Exclusions[i]
			return Effects{}, nil
		}
		s.Exclusions = append(slices.DeleteFunc(s.Exclusions, func(old Exclusion) bool {
			return now.Sub(old.end()) > remembered
		}), x)
		return Effects{Changes: []tenon.Change{change("slo.exclusion_made", x.Key, nil, x, x.Reason, now)}}, nil
	})
	return x, err
}

// same says whether old takes out the same time of the same objectives, for the same reason.
func (x Exclusion) same(old Exclusion) bool {
	x.ID, x.By, x.CreatedAt = old.ID, old.By, old.CreatedAt
	old.From, old.To, old.Until = tenon.Instant(old.From), tenon.Instant(old.To), tenon.Instant(old.Until)
	return x == old
}

// Include takes an exclusion back: its time counts again. It is recorded.
func (b *Board) Include(ctx context.Context, id, reason string) error {
	now, err := b.now(ctx)
	if err != nil {
		return err
	}
	_, err = b.change(ctx, func(s *State) (Effects, error) {
		i := slices.IndexFunc(s.Exclusions, func(x Exclusion) bool { return x.ID == id })
		if i < 0 {
			return Effects{}, ErrUnknownExclusion
		}
		x := s.Exclusions[i]
		s.Exclusions = slices.Delete(s.Exclusions, i, i+1)
		return Effects{Changes: []tenon.Change{change("slo.exclusion_taken_back", x.Key, x, nil, reason, now)}}, nil
	})
	return err
}

// remembered is how long exclusions stay that are over: longer than any window is.
const remembered = 400 * 24 * time.Hour

// Exclusions returns those in force and to come, and past ones for at least 400 days.
func (b *Board) Exclusions(ctx context.Context) ([]Exclusion, error) {
	s, err := b.load(ctx)
	if err != nil {
		return nil, err
	}
	return s.Exclusions, nil
}

// History returns episodes, open and resolved, that were not over at since, oldest first, at most 1,000. A store that
// keeps none gives a [tenon.ErrUnavailable].
func (b *Board) History(ctx context.Context, since time.Time) ([]Episode, error) {
	h, ok := b.store.(Historian)
	if !ok {
		return nil, errNoHistory
	}
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	return h.Episodes(ctx, since, 1000)
}
