package audit

import (
	"context"
	"errors"
	"time"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
)

// compareSealing measures what sealing costs writers, and whether it keeps up with them.
func compareSealing(ctx context.Context, l *lab.Lab, s *report.Section) error {
	w, err := newWorld(ctx, l, "sealing", nil)
	if err != nil {
		return err
	}
	defer w.pool.Close()
	l.Say("audit: sealing")
	var lags, backlogs measure.Series
	rates, err := measure.Interleave(ctx, l.Rounds,
		func(ctx context.Context) (float64, error) {
			if _, err := w.log.Seal(ctx); err != nil { // what the round without it left
				return 0, err
			}
			rate, seen, err := w.sealedWhileWriting(ctx, l)
			lags, backlogs = append(lags, seen.lag.Seconds()*1000), append(backlogs, float64(seen.backlog))
			return rate, err
		},
		func(ctx context.Context) (float64, error) { return w.writes(ctx, l) })
	if err != nil {
		return err
	}
	if err := w.verified(ctx); err != nil {
		return err
	}
	cost := rates[0].Over(rates[1])
	for i := range cost {
		cost[i] = 100 * (1 - cost[i])
	}
	s.Tables = append(s.Tables, report.Table{
		Title: "Sealing", Columns: []string{"sealed meanwhile", "not sealed"},
		Text: "Eight callers record directly, each record a transaction. The lag is the age of the oldest record without a leaf, looked at ten times a second; the backlog is what had none a second after the last record.",
		Rows: []report.Row{
			{
				Case: "cost to writers", Figure: report.Figure{Value: max(cost.Median(), 0), Unit: percent}, Target: report.Target{Bound: report.AtMost, Value: 15},
				Cells: []string{report.Spread(rates[0], report.PerSecond), report.Spread(rates[1], report.PerSecond)},
			},
			{
				Case: "lag, the most seen", Figure: report.Figure{Value: lags.Median(), Unit: report.Milliseconds},
				Target: report.Target{Bound: report.AtMost, Value: 1000}, Cells: []string{report.Spread(lags, report.Milliseconds), ""},
			},
			{
				Case: "backlog at the end", Figure: report.Figure{Value: backlogs.Median(), Unit: "records"},
				Target: report.Target{Bound: report.AtMost, Value: 0}, Cells: []string{report.Spread(backlogs, "records"), ""},
			},
		},
	})
	s.Samples = append(s.Samples,
		report.Sample{Name: "write/sealed", Unit: report.PerSecond, Series: rates[0]},
		report.Sample{Name: "write/unsealed", Unit: report.PerSecond, Series: rates[1]})
	return nil
}

func (w *world) writes(ctx context.Context, l *lab.Lab) (float64, error) {
	load, err := measure.Run(ctx, triggerCallers, l.Length, func(ctx context.Context, caller, n int) error {
		_, err := w.log.Record(asCaller(ctx), record(caller+triggerCallers*n))
		return err
	})
	return load.Rate(), err
}

// seen is how sealing did beside the writers.
type seen struct {
	lag     time.Duration
	backlog int64
}

// sealedWhileWriting returns the writers' rate while Run seals.
func (w *world) sealedWhileWriting(ctx context.Context, l *lab.Lab) (float64, seen, error) {
	var s seen
	running, stop := context.WithCancel(ctx)
	log := audit.NewLog(w.store, &audit.Options{SealEvery: 100 * time.Millisecond})
	done := make(chan error, 2)
	go func() { done <- log.Run(running) }()
	go func() {
		for ; running.Err() == nil; pause(running, 100*time.Millisecond) {
			head, err := w.store.Head(ctx)
			if err != nil {
				done <- err
				return
			}
			if !head.Oldest.IsZero() {
				s.lag = max(s.lag, time.Since(head.Oldest))
			}
		}
		done <- nil
	}()
	rate, err := w.writes(ctx, l)
	pause(ctx, time.Second)
	head, headErr := w.store.Head(ctx)
	s.backlog = head.Waiting
	stop()
	return rate, s, errors.Join(err, headErr, <-done, <-done)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
