package flags

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/listenpg"
	"github.com/transbotai/tenon/migrations"
)

const (
	instances  = 8   // sets that listen, each with a connection and a pool of its own as a process has
	changes    = 100 // of one flag, in each round
	manyFlags  = 10_000
	loadTarget = 200 // milliseconds
	liveTarget = 50  // milliseconds
)

// comparePostgres measures how long a change takes until it is live everywhere, and how long a process needs to load
// everything when it starts.
func comparePostgres(ctx context.Context, l *lab.Lab, s *report.Section) error {
	t := report.Table{
		Title:   "From Postgres",
		Columns: []string{"tenon"},
		Text: fmt.Sprintf("A change is written by one process and is live when the last of %d others answers by it; each has a listener and a pool of its own. A load is a new set's first, over an open pool; %d flags, a third each with rules, with named tenants, and with a rollout.",
			instances, l.Size(manyFlags)),
	}
	for _, part := range []func(context.Context, *lab.Lab, *report.Section, *report.Table) error{compareLive, compareLoad} {
		if err := part(ctx, l, s, &t); err != nil {
			return err
		}
	}
	s.Tables = append(s.Tables, t)
	return nil
}

// fleet is the sets of several processes.
type fleet struct {
	writer *flags.Set
	sets   []*flags.Set
	live   chan string // one for each set and flag change that went live there
	stop   func() error
}

func newFleet(ctx context.Context, url string) (*fleet, error) {
	ctx, cancel := context.WithCancel(ctx)
	f := &fleet{live: make(chan string, instances*changes)}
	var wait sync.WaitGroup
	errs := make(chan error, 2*instances)
	run := func(r func(context.Context) error) {
		wait.Go(func() { errs <- r(ctx) })
	}
	var pools []*pgxpool.Pool
	f.stop = func() error {
		cancel()
		wait.Wait()
		close(errs)
		var all []error
		for err := range errs {
			all = append(all, err)
		}
		for _, pool := range pools {
			pool.Close()
		}
		return errors.Join(all...)
	}
	for range instances + 1 {
		pool, err := pgxpool.New(ctx, url)
		if err != nil {
			return nil, errors.Join(err, f.stop())
		}
		pools = append(pools, pool)
		if f.writer == nil {
			f.writer = flags.NewSet(flagspg.New(pool, nil), nil)
			continue
		}
		listener := listenpg.New(pool.Config().ConnConfig, nil)
		set := flags.NewSet(flagspg.New(pool, &flagspg.Options{Listener: listener}), &flags.Options{Refresh: time.Hour, MarkEvery: -1})
		set.Watch(func(e flags.Event) {
			for _, key := range e.Keys {
				f.live <- key
			}
		})
		run(listener.Run)
		run(set.Run)
		f.sets = append(f.sets, set)
	}
	return f, nil
}

// await waits until every set has told of a flag.
func (f *fleet) await(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for told := 0; told < instances; {
		select {
		case k := <-f.live:
			if k == key {
				told++
			}
		case <-ctx.Done():
			return fmt.Errorf("%s is live in %d of %d: %w", key, told, instances, ctx.Err())
		}
	}
	return nil
}

// change edits the flag and returns after how many milliseconds, from the call, it was live everywhere.
func (f *fleet) change(ctx context.Context, n int) (float64, error) {
	description := fmt.Sprint("change ", n)
	began := time.Now()
	_, err := f.writer.Edit(ctx, "beta", func(d *flags.Definition) error {
		d.Description, d.Disabled = description, n%2 == 0
		return nil
	}, "measured")
	if err != nil {
		return 0, err
	}
	if err := f.await(ctx, "beta"); err != nil {
		return 0, err
	}
	took := time.Since(began)
	for i, set := range f.sets {
		d, err := set.Flag("beta")
		answer := set.Evaluate("beta", &flags.Who{Tenant: "acme"})
		if err != nil || d.Description != description || (answer.Reason == flags.ReasonDisabled) != d.Disabled {
			return 0, fmt.Errorf("set %d answers by %q instead of %q: %w", i, d.Description, description, err)
		}
	}
	return measure.Milliseconds(took), nil
}

func compareLive(ctx context.Context, l *lab.Lab, s *report.Section, t *report.Table) (err error) {
	url, err := l.Postgres(ctx, "flags_live", migrations.Flags)
	if err != nil {
		return err
	}
	l.Say("flags: live in %d processes", instances)
	f, err := newFleet(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	if err := f.writer.Declare(ctx, flags.Definition{Key: "beta", Type: flags.TypeBool, Default: "on"}); err != nil {
		return err
	}
	if err := f.await(ctx, "beta"); err != nil { // listening
		return err
	}
	var took measure.Series
	for n := range l.Rounds * l.Size(changes) {
		ms, err := f.change(ctx, n)
		if err != nil {
			return err
		}
		took = append(took, ms)
	}
	s.Samples = append(s.Samples, report.Sample{Name: "live", Unit: report.Milliseconds, Series: took})
	t.Rows = append(t.Rows, report.Row{
		Case:   fmt.Sprintf("a change is live in all of %d processes, from the call that writes it", instances),
		Figure: report.Figure{Value: took.Median(), Unit: report.Milliseconds},
		Target: report.Target{Bound: report.AtMost, Value: liveTarget},
		Cells:  []string{report.Spread(took, report.Milliseconds)},
	})
	return nil
}

func compareLoad(ctx context.Context, l *lab.Lab, s *report.Section, t *report.Table) error {
	pool, err := l.Pool(ctx, "flags_load", migrations.Flags)
	if err != nil {
		return err
	}
	defer pool.Close()
	n := l.Size(manyFlags)
	l.Say("flags: loading %d", n)
	if err := declareMany(ctx, pool, n); err != nil {
		return err
	}
	series, err := measure.Interleave(ctx, 2*l.Rounds+1, func(ctx context.Context) (float64, error) {
		set := flags.NewSet(flagspg.New(pool, nil), nil)
		began := time.Now()
		err := set.Load(ctx)
		took := time.Since(began)
		if st := set.Stats(); err == nil && (st.Flags != n || len(st.Faults) != 0) {
			err = fmt.Errorf("%d of %d flags were loaded, %d with a fault", st.Flags, n, len(st.Faults))
		}
		return measure.Milliseconds(took), err
	}, func(ctx context.Context) (float64, error) { return readBodies(ctx, pool, n) })
	if err != nil {
		return err
	}
	s.Samples = append(s.Samples, report.Sample{Name: "load", Unit: report.Milliseconds, Series: series[0]})
	t.Rows = append(t.Rows, report.Row{
		Case:   fmt.Sprintf("%d flags are loaded and ready", n),
		Figure: report.Figure{Value: series[0].Median(), Unit: report.Milliseconds},
		Target: report.Target{Bound: report.AtMost, Value: loadTarget},
		Cells:  []string{report.Spread(series[0], report.Milliseconds)},
	}, report.Row{
		Case:   "of that, the bare query of the same rows",
		Figure: report.Figure{Value: series[1].Median(), Unit: report.Milliseconds},
		Cells:  []string{report.Spread(series[1], report.Milliseconds)},
	})
	return nil
}

// declareMany stores n flags in one write.
func declareMany(ctx context.Context, pool *pgxpool.Pool, n int) error {
	w := flags.Write{}
	for i := range n {
		r, err := recordOf(many(i))
		if err != nil {
			return err
		}
		w.Records = append(w.Records, r)
	}
	_, err := flagspg.New(pool, nil).Write(ctx, w)
	return err
}

func readBodies(ctx context.Context, pool *pgxpool.Pool, n int) (float64, error) {
	began := time.Now()
	rows, err := pool.Query(ctx, "select kind, key, version, revision, body::text, by, reason, at from tenon.flags order by kind, key")
	if err != nil {
		return 0, err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (int, error) { return len(row.RawValues()[4]), nil })
	took := time.Since(began)
	if err == nil && len(all) != n {
		err = fmt.Errorf("%d rows instead of %d", len(all), n)
	}
	return measure.Milliseconds(took), err
}
