package slo

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/transbotai/tenon"
)

// Tick tells the recorder the time. When a minute is over, what was counted in it is set aside for the next flush.
// [Recorder.Run] calls it every second; tests drive it. A time that goes backwards by a minute or less changes nothing.
// One that goes further back is of a clock that was set back: what comes from then on is counted there, beside what was
// counted in those minutes before, or the board would not see it until the time has caught up.
func (r *Recorder) Tick(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	minute := now.UTC().Truncate(time.Minute)
	if r.minute.IsZero() {
		r.minute = minute
	}
	back := r.minute.Sub(minute)
	if back >= 0 && back <= time.Minute {
		return
	}
	read := r.read()
	r.set(r.counted(read, true))
	if back > 0 {
		r.instance = tenon.NewID(now)
	}
	r.minute, r.begun, r.sent = minute, read, 0
}

// set puts minutes behind those that wait, and drops the oldest when there are too many.
func (r *Recorder) set(minutes []Minute) {
	r.pending = append(r.pending, minutes...)
	if over := len(r.pending) - r.options.MaxPending*len(r.objectives); over > 0 {
		r.pending = slices.Delete(r.pending, 0, over)
		r.dropped += over
		r.stats.dropped.Add(int64(over))
	}
}

// read adds up the shards.
func (r *Recorder) read() []uint64 {
	sum := make([]uint64, len(r.begun))
	for i := range r.shards {
		for slot := range r.shards[i].counters {
			sum[slot] += r.shards[i].counters[slot].Load()
		}
	}
	return sum
}

// counted returns what lies between the beginning of the minute and a reading, for each objective; nothing when
// nothing was observed. Differences are taken modulo 2^64, so that it does not matter that the halves overflow.
func (r *Recorder) counted(read []uint64, closed bool) []Minute {
	delta, any := make([]uint64, len(read)), false
	for i := range read {
		delta[i] = read[i] - r.begun[i]
		any = any || delta[i] != 0
	}
	if !any {
		return nil
	}
	sketch := r.sketch(delta)
	minutes := make([]Minute, len(r.objectives))
	for i, o := range r.objectives {
		minutes[i] = Minute{Key: o.Key, Measure: o.Measure(), At: r.minute, Instance: r.instance, Closed: closed}
		minutes[i].Good, minutes[i].Valid = r.count(delta, o.Threshold)
		if o.Threshold > 0 {
			minutes[i].Sketch = sketch
		}
	}
	return minutes
}

// count counts all events, and the good ones: those within the threshold, or without one those that ended well.
func (r *Recorder) count(delta []uint64, threshold time.Duration) (good, valid int64) {
	limit := cellOf(int64(threshold))
	for slot, d := range delta {
		all, bad := int64(uint32(d)), int64(d>>32)
		valid += all
		switch {
		case threshold == 0:
			good += all - bad
		case slot < cells && slot <= limit, slot >= cells && r.splits[slot-cells].threshold < int64(threshold):
			good += all
		}
	}
	return good, valid
}

func (r *Recorder) sketch(delta []uint64) Sketch {
	var h Histogram
	for slot, d := range delta {
		if slot >= cells {
			slot = r.splits[slot-cells].cell
		}
		h.Add(Cell{slot, int64(uint32(d))})
	}
	return h.Sketch()
}

// Flush hands the store what was counted: the minutes that are over, and the present one as far as it has come. A
// minute is sent again as it grows, and replaces what was sent before, so that a flush whose answer was lost counts
// nothing twice. After an error everything is kept for the next.
func (r *Recorder) Flush(ctx context.Context) error { return r.send(ctx, false) }

func (r *Recorder) send(ctx context.Context, last bool) error {
	r.flushing.Lock()
	defer r.flushing.Unlock()
	r.mu.Lock()
	minutes, over, dropped := slices.Clone(r.pending), len(r.pending), r.dropped
	minute, open := r.minute, r.open(last)
	r.mu.Unlock()
	minutes = append(minutes, open...)
	if len(minutes) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	err := r.store.Record(ctx, minutes)
	r.stats.note(err)
	if err != nil {
		return fmt.Errorf("slo: %d minutes wait to be stored: %w", len(minutes), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = slices.Delete(r.pending, 0, max(over-(r.dropped-dropped), 0))
	if len(open) > 0 && minute.Equal(r.minute) {
		r.sent = open[0].Valid
	}
	return nil
}

// open returns the present minute, when it has anything that the store has not.
func (r *Recorder) open(last bool) []Minute {
	if r.minute.IsZero() {
		return nil
	}
	open := r.counted(r.read(), last)
	if len(open) > 0 && open[0].Valid == r.sent && !last {
		return nil
	}
	return open
}

// Run moves the minutes on, samples the gauge, and flushes, until ctx is done; then it flushes once more, within
// Options.Drain, and returns what it could not store. End it after the last Observe: what comes later is lost, as is,
// when the process is killed, what was not flushed. A minute that was lost in part shows as [Count.Open].
func (r *Recorder) Run(ctx context.Context) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var flushed, sampled time.Time
	for {
		now := time.Now()
		r.Tick(r.time(ctx))
		if r.options.Gauge != nil && now.Sub(sampled) >= r.options.Sample {
			sampled = now
			r.sample(ctx)
		}
		if now.Sub(flushed) >= r.options.Flush {
			flushed = now
			if err := r.Flush(ctx); err != nil && ctx.Err() == nil {
				r.options.Logger.Error("slo flush", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return r.drain(ctx)
		case <-second.C:
		}
	}
}

func (r *Recorder) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.options.Drain)
	defer cancel()
	r.Tick(r.time(ctx))
	return r.send(ctx, true)
}

// time returns what time it is by the store's clock. A store that does not answer must not keep minutes from turning.
func (r *Recorder) time(ctx context.Context) time.Time {
	ctx, cancel := context.WithTimeout(ctx, min(r.options.Timeout, time.Second))
	defer cancel()
	return r.clock.Best(ctx, r.store)
}

func (r *Recorder) sample(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	age, err := r.options.Gauge(bounded)
	if err != nil {
		r.stats.gaugeFailed.Add(1)
		if ctx.Err() == nil {
			r.options.Logger.Error("slo gauge", "err", err)
		}
		return
	}
	r.Observe(Good, age)
}

// RecorderStats is what a Recorder did since it was made.
type RecorderStats struct {
	Negative    int64 // durations below 0, counted as 0
	Flushes     int64 // that the store took
	Failed      int64 // flushes that it did not take
	GaugeFailed int64 // samples that could not be had
	Pending     int   // minutes of objectives that are over and not yet stored
	Oldest      time.Time
	Dropped     int64 // minutes of objectives that were given up because too many waited
	LastFlush   time.Time
	LastError   string // of the last flush; empty when it went well
}

type recorderStats struct {
	flushes, failed, gaugeFailed, dropped atomic.Int64

	lastFlush atomic.Pointer[time.Time]
	lastError atomic.Pointer[string]
}

func (s *recorderStats) note(err error) {
	text := ""
	if err != nil {
		s.failed.Add(1)
		text = err.Error()
	} else {
		now := time.Now()
		s.flushes.Add(1)
		s.lastFlush.Store(&now)
	}
	s.lastError.Store(&text)
}

// Stats returns the present counts.
func (r *Recorder) Stats() RecorderStats {
	s := RecorderStats{
		Negative: r.negative.Load(), Flushes: r.stats.flushes.Load(), Failed: r.stats.failed.Load(),
		GaugeFailed: r.stats.gaugeFailed.Load(), Dropped: r.stats.dropped.Load(),
	}
	if t := r.stats.lastFlush.Load(); t != nil {
		s.LastFlush = *t
	}
	if e := r.stats.lastError.Load(); e != nil {
		s.LastError = *e
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.Pending = len(r.pending); s.Pending > 0 {
		s.Oldest = r.pending[0].At
	}
	return s
}
