package flagspg_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/internal/proctest"
)

// writeForEver edits one flag again and again, and says what was answered.
func writeForEver(ctx context.Context, c *proctest.Child, o order, pool *pgxpool.Pool) error {
	set := patient(flagspg.New(pool, nil))
	c.Ready()
	for n := 0; ; n++ {
		d, err := set.Edit(ctx, "beta", func(d *flags.Definition) error {
			d.Description = fmt.Sprint(o.Name, "/", n)
			return nil
		}, o.Name)
		if err != nil {
			return err
		}
		c.Say(report{Key: d.Description, Version: d.Version})
	}
}

const saidSQL = `
select body ->> 'description'
from tenon.flag_versions
where key = 'beta'
  and version = $1`

func TestAProcessKilledAtAnyMomentLosesAndDoublesNoVersion(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	require.NoError(t, loaded(t, pool).Declare(t.Context(), named("beta")))
	kills := 5
	if conform.Soak() {
		kills = 100
	}
	for k := range kills {
		p := proctest.Start[report](t, "write", order{URL: url, Name: fmt.Sprint(k)})
		p.Begin()
		for range 5 + 7*k%31 {
			require.True(t, p.Next())
		}
		for _, r := range p.Kill() {
			require.Equal(t, r.Key, pgtest.One[string](t, pool, saidSQL, r.Version), "it was answered")
		}
		consistent(t, pool)
		counted(t, pool)
	}
}

const stages = 40

// longRamp is a ramp of many stages, each of which may begin as soon as the one before has.
func longRamp() flags.Schedule {
	percents := make([]float64, stages)
	for i := range percents {
		percents[i] = float64(i+1) * 100 / stages
	}
	return flags.Ramp(percents...).Every(time.Microsecond).Guard("open")
}

// open is a guard that lets everything pass.
type open struct{}

func (open) Guard(context.Context) (tenon.Verdict, error) {
	return tenon.Verdict{Outcome: tenon.Pass}, nil
}

// tending returns a set that looks after ramps all the time.
func tending(db flagspg.DB, opts *flagspg.Options, guard tenon.Guard) *flags.Set {
	return flags.NewSet(flagspg.New(db, opts), &flags.Options{
		Every: time.Millisecond, Refresh: time.Hour, MarkEvery: -1, Timeout: time.Minute, Guards: map[string]tenon.Guard{"open": guard},
	})
}

// rampForEver looks after ramps.
func rampForEver(ctx context.Context, c *proctest.Child, _ order, pool *pgxpool.Pool) error {
	c.Ready()
	return tending(pool, nil, open{}).Run(ctx)
}

// startRamp stores a flag whose ramp is about to begin.
func startRamp(t *testing.T, pool *pgxpool.Pool) *flags.Set {
	t.Helper()
	set := loaded(t, pool)
	require.NoError(t, set.Declare(t.Context(), flags.Definition{Key: "beta", Type: flags.TypeBool}))
	_, err := set.Ramp(t.Context(), "beta", longRamp(), "go")
	require.NoError(t, err)
	return set
}

const reachedSQL = `
select coalesce((body #>> '{rollout,ramp,reached}')::int, 0)
from tenon.flag_versions
where key = 'beta'
  and body -> 'rollout' is not null
order by version`

// reached returns the stages in the order in which they were written.
func reached(t *testing.T, pool *pgxpool.Pool) []int {
	t.Helper()
	return pgtest.List[int](t, pool, reachedSQL)
}

func everyStageOnce() []int {
	all := make([]int, stages+1) // 0: it was started
	for i := range all {
		all[i] = i
	}
	return all
}

func TestARampGoesOnWhereAProcessWasKilled(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	startRamp(t, pool)
	for _, upTo := range []int{5, 15, 25} {
		p := proctest.Start[report](t, "ramp", order{URL: url})
		p.Begin()
		eventually(t, func() bool { return len(reached(t, pool)) > upTo })
		p.Kill()
		consistent(t, pool)
	}
	running(t, tending(pool, nil, open{}).Run)
	eventually(t, func() bool { return len(reached(t, pool)) == stages+1 })
	require.Equal(t, everyStageOnce(), reached(t, pool))
	counted(t, pool)
}

func TestTwoInstancesThatAdvanceOneRampActOnce(t *testing.T) {
	t.Parallel()
	pool := database(t)
	startRamp(t, pool)
	opts := telling(t, pool)
	sets := []*flags.Set{tending(pool, opts, open{}), tending(pool, opts, open{}), tending(pool, opts, open{})}
	for _, s := range sets {
		running(t, s.Run)
	}
	eventually(t, func() bool { return len(reached(t, pool)) == stages+1 })
	require.Equal(t, everyStageOnce(), reached(t, pool))
	require.EqualValues(t, stages, pgtest.One[int](t, pool, "select count(*) from public.told where key like 'flags.ramp_advanced %'"))
	eventually(t, func() bool { // the counter of the last one may come after its commit
		var sum int64
		for _, s := range sets {
			sum += s.Stats().Advanced
		}
		return sum == stages
	})
}

// failing is a guard that is breached.
type failing struct{}

func (failing) Guard(context.Context) (tenon.Verdict, error) {
	return tenon.Verdict{Outcome: tenon.Fail, Reasons: []string{"the budget is spent"}}, nil
}

func TestTwoInstancesThatRollOneRampBackNotifyOnceAndStay(t *testing.T) {
	t.Parallel()
	pool := database(t)
	set := startRamp(t, pool)
	for range 3 {
		_, err := set.Advance(t.Context(), "beta", "by hand")
		require.NoError(t, err)
	}
	opts := telling(t, pool)
	var stops []func()
	for range 2 {
		stops = append(stops, running(t, tending(pool, opts, failing{}).Run))
	}
	const back = "select count(*) from public.told where body ->> 'kind' is not null"
	eventually(t, func() bool { return pgtest.One[int](t, pool, back) > 0 })
	for _, stop := range stops {
		stop()
	}
	running(t, tending(pool, opts, open{}).Run) // whose guard would let it go on
	require.NoError(t, set.Load(t.Context()))
	d, err := set.Flag("beta")
	require.NoError(t, err)
	require.Equal(t, flags.RampRolledBack, d.Rollout.Ramp.State)
	require.Equal(t, []int{0, 1, 2, 3, 2}, reached(t, pool))
	require.Equal(t, 1, pgtest.One[int](t, pool, back))
	require.Contains(t, d.Rollout.Ramp.Note, "the budget is spent")

	_, err = set.Resume(t.Context(), "beta", "mended")
	require.NoError(t, err)
	eventually(t, func() bool { all := reached(t, pool); return all[len(all)-1] == stages })
}
