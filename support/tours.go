package support

import (
	"context"
	"fmt"
	"slices"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/storeclock"
)

// ToursOptions are the options of [Tours].
type ToursOptions struct {
	// Sees says whether the viewer belongs to an audience, which is never the zero one: whether its flag is on, and
	// the tenant's plan among its plans. Required when a tour has an audience.
	Sees func(ctx context.Context, v Viewer, a Audience) (bool, error)
}

// Tours shows users around, each once for a feature, whatever device they use. Its methods may be called concurrently.
type Tours struct {
	store TourStore
	tours []Tour
	sees  func(ctx context.Context, v Viewer, a Audience) (bool, error)
	clock *storeclock.Clock

	version int // that reports are about; 0 is the present one
}

// NewTours returns the tours, in the order in which they are shown. It does no I/O. A tour that cannot be right is a
// [tenon.FieldError].
func NewTours(store TourStore, tours []Tour, opts *ToursOptions) (*Tours, error) {
	t := &Tours{store: store, tours: slices.Clone(tours), clock: &storeclock.Clock{}}
	if opts != nil {
		t.sees = opts.Sees
	}
	for i := range t.tours {
		tour, field := &t.tours[i], fmt.Sprintf("tours[%d]", i)
		if err := tour.check(field); err != nil {
			return nil, prefix(err)
		}
		if slices.ContainsFunc(t.tours[:i], func(o Tour) bool { return o.Key == tour.Key }) {
			return nil, prefix(tenon.Invalid(field+".key", "%q is there twice", tour.Key))
		}
		if !tour.Audience.everybody() && t.sees == nil {
			return nil, prefix(tenon.Invalid(field+".audience", "nobody says who belongs to it: ToursOptions.Sees is nil"))
		}
		tour.Version = max(tour.Version, 1)
	}
	return t, nil
}

// WithStore returns tours that work in s, usually a store bound to the caller's transaction.
func (t *Tours) WithStore(s TourStore) *Tours {
	return &Tours{store: s, tours: t.tours, sees: t.sees, clock: t.clock, version: t.version}
}

// WithVersion returns tours whose reports are about this version of a tour: the one on a page that was loaded before a
// newer one came. 0, or a version that is not there yet, means the present one.
func (t *Tours) WithVersion(version int) *Tours {
	return &Tours{store: t.store, tours: t.tours, sees: t.sees, clock: t.clock, version: version}
}

// reported returns the version of a tour that a report is about.
func (t *Tours) reported(known Tour) int {
	if t.version > 0 && t.version < known.Version {
		return t.version
	}
	return known.Version
}

// maxSteps bounds what is reported on a version whose steps are not known any more.
const maxSteps = 1000

// Showing is a tour for a user, and where it goes on.
type Showing struct {
	Tour
	Step int `json:"step"` // the first step that is not done
}

// Next returns the first tour that is to be shown to v, and false when there is none. Asking changes nothing, so a tour
// that nobody reports on is shown again.
func (t *Tours) Next(ctx context.Context, v Viewer) (Showing, bool, error) {
	return t.next(ctx, v, func(Tour) bool { return true })
}

// For returns the tour of a feature, if it is to be shown to v.
func (t *Tours) For(ctx context.Context, v Viewer, feature string) (Showing, bool, error) {
	return t.next(ctx, v, func(tour Tour) bool { return tour.Feature == feature })
}

func (t *Tours) next(ctx context.Context, v Viewer, wanted func(Tour) bool) (Showing, bool, error) {
	if err := v.check(); err != nil {
		return Showing{}, false, prefix(err)
	}
	kept, err := t.store.Progress(ctx, v)
	if err != nil {
		return Showing{}, false, err
	}
	for _, tour := range t.tours {
		step, ok := tour.shows(kept)
		if !ok || !wanted(tour) {
			continue
		}
		if !tour.Audience.everybody() {
			if ok, err = t.sees(ctx, v, tour.Audience); err != nil {
				return Showing{}, false, err
			}
		}
		if ok {
			return Showing{Tour: tour, Step: step}, true, nil
		}
	}
	return Showing{}, false, nil
}

// Advance says that v has seen so many steps of a tour. Fewer than were seen already change nothing; all of them
// complete it. How many an older version had is not known: it wants [Tours.Complete].
func (t *Tours) Advance(ctx context.Context, v Viewer, tour string, steps int) (Progress, error) {
	known, ok := t.find(tour)
	if !ok {
		return Progress{}, ErrUnknownTour
	}
	older := t.reported(known) < known.Version
	if steps < 0 || steps > len(known.Steps) && !older || steps > maxSteps {
		return Progress{}, prefix(tenon.Invalid("steps", "%d does not lie within 0 and %d", steps, len(known.Steps)))
	}
	p := Progress{Viewer: v, Tour: tour, Version: t.reported(known), Step: steps}
	if steps == len(known.Steps) && !older {
		p.End = Completed
	}
	return t.keep(ctx, p)
}

// Complete says that v has seen the tour.
func (t *Tours) Complete(ctx context.Context, v Viewer, tour string) (Progress, error) {
	known, ok := t.find(tour)
	if !ok {
		return Progress{}, ErrUnknownTour
	}
	return t.keep(ctx, Progress{Viewer: v, Tour: tour, Version: t.reported(known), Step: len(known.Steps), End: Completed})
}

// Dismiss says that v does not want the tour.
func (t *Tours) Dismiss(ctx context.Context, v Viewer, tour string) (Progress, error) {
	known, ok := t.find(tour)
	if !ok {
		return Progress{}, ErrUnknownTour
	}
	return t.keep(ctx, Progress{Viewer: v, Tour: tour, Version: t.reported(known), End: Dismissed})
}

func (t *Tours) find(key string) (Tour, bool) {
	i := slices.IndexFunc(t.tours, func(tour Tour) bool { return tour.Key == key })
	if i < 0 {
		return Tour{}, false
	}
	return t.tours[i], true
}

func (t *Tours) keep(ctx context.Context, p Progress) (_ Progress, err error) {
	if err := p.Viewer.check(); err != nil {
		return Progress{}, prefix(err)
	}
	if p.At, err = t.clock.Now(ctx, t.store); err != nil {
		return Progress{}, err
	}
	return t.store.KeepProgress(ctx, p)
}
