package insight

import (
	"context"
	"maps"
	"time"

	"github.com/transbotai/tenon/kpi"
)

// remembered is how long a funnel is shown as it was found.
const remembered = 15 * time.Second

// recent keeps funnels that were asked for. A funnel follows every event of months, so one is looked for at a time.
type recent struct {
	turn  chan struct{} // of whoever looks
	found map[kpi.Query]funnel
}

// funnel is what was found, and until when it is shown.
type funnel struct {
	kpi.Report
	until time.Time
}

func newRecent() *recent {
	return &recent{turn: make(chan struct{}, 1), found: map[kpi.Query]funnel{}}
}

// Read shows a figure as the board does; a funnel may be as it was some seconds ago.
func (d *Desk) Read(ctx context.Context, q kpi.Query) (kpi.Report, error) {
	if q.KPI != QuoteFunnel {
		return d.Board.Read(ctx, q)
	}
	select {
	case <-ctx.Done():
		return kpi.Report{}, ctx.Err()
	case d.recent.turn <- struct{}{}:
	}
	defer func() { <-d.recent.turn }()
	now := time.Now()
	maps.DeleteFunc(d.recent.found, func(_ kpi.Query, f funnel) bool { return now.After(f.until) })
	if f, ok := d.recent.found[q]; ok {
		return f.Report, nil
	}
	report, err := d.Board.Read(ctx, q)
	if err == nil {
		d.recent.found[q] = funnel{report, time.Now().Add(remembered)}
	}
	return report, err
}
