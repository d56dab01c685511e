package support

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/transbotai/tenon/bench/lab"
)

// riverSide is River on a database of its own.
type riverSide struct{ pool *pgxpool.Pool }

func newRiver(ctx context.Context, l *lab.Lab, name string) (*riverSide, error) {
	pool, err := l.PoolOf(ctx, 16, name)
	if err != nil {
		return nil, err
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: silent()})
	if err == nil {
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	return &riverSide{pool}, err
}

func silent() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// noop is a job that does nothing.
type noop struct {
	At time.Time `json:"at"`
}

// Kind implements river.JobArgs.
func (noop) Kind() string { return "noop" }

// called counts calls, and how late they were.
type called struct {
	river.WorkerDefaults[noop]
	want int64
	n    atomic.Int64
	done chan struct{}

	mu    sync.Mutex
	lates []time.Duration // kept when it is asked for
	keep  bool
}

func newCalled(want int, keep bool) *called {
	return &called{want: int64(want), done: make(chan struct{}), keep: keep}
}

// call counts some calls of work that was due at an instant.
func (c *called) call(at time.Time, n int) {
	if c.keep {
		late := time.Since(at)
		c.mu.Lock()
		for range n {
			c.lates = append(c.lates, late)
		}
		c.mu.Unlock()
	}
	if c.n.Add(int64(n)) == c.want {
		close(c.done)
	}
}

// Work implements river.Worker.
func (c *called) Work(_ context.Context, job *river.Job[noop]) error {
	c.call(job.Args.At, 1)
	return nil
}

// run works on count jobs that are there, and returns how long that took.
func (r *riverSide) run(ctx context.Context, workers int, c *called) (time.Duration, error) {
	all := river.NewWorkers()
	river.AddWorker(all, c)
	client, err := river.NewClient(riverpgxv5.New(r.pool), &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}}, Workers: all, Logger: silent(),
		FetchCooldown: time.Millisecond, FetchPollInterval: time.Millisecond,
	})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := client.Start(ctx); err != nil {
		return 0, err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
	}
	took := time.Since(began)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := client.Stop(stopping); err != nil {
		return 0, err
	}
	return took, ctx.Err()
}

// insert puts jobs in the place of all that there were.
func (r *riverSide) insert(ctx context.Context, count int, at time.Time) error {
	if _, err := r.pool.Exec(ctx, "truncate river_job"); err != nil {
		return err
	}
	client, err := river.NewClient(riverpgxv5.New(r.pool), &river.Config{Logger: silent()})
	if err != nil {
		return err
	}
	for n := 0; n < count; {
		var params []river.InsertManyParams
		for ; n < count && len(params) < 5000; n++ {
			params = append(params, river.InsertManyParams{Args: noop{At: at}, InsertOpts: &river.InsertOpts{ScheduledAt: at}})
		}
		if _, err := client.InsertManyFast(ctx, params); err != nil {
			return err
		}
	}
	_, err = r.pool.Exec(ctx, "vacuum analyze river_job", pgx.QueryExecModeSimpleProtocol)
	return err
}
