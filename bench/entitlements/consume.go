package entitlements

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/entitlements"
)

const consumeTenants = 10_000

// consumption is a load and what it is to reach.
type consumption struct {
	name    string
	key     string // in the samples
	tenants int
	callers int
	atLeast float64 // times pgbench
}

func consumptions(all int) []consumption {
	return []consumption{
		{"one tenant, 64 callers", "hot/64", 1, 64, 15},
		{"one tenant, 256 callers", "hot/256", 1, 256, 25},
		{fmt.Sprintf("%d tenants, 256 callers", all), "many/256", all, 256, 2.5},
	}
}

// consumeRun is what came of a consumption, round by round.
type consumeRun struct {
	rate, peer, p50, p99 measure.Series
}

func compareConsume(ctx context.Context, l *lab.Lab, s *report.Section) (err error) {
	db, err := newDatabase(ctx, l, "consume", l.Size(consumeTenants), 1)
	if err != nil {
		return err
	}
	defer db.pool.Close()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	peer, err := newPgbench(ctx, l, db, dir)
	if err != nil {
		return err
	}
	cases := consumptions(len(db.tenants))
	runs, err := db.contest(ctx, l, peer, cases)
	if err != nil {
		return err
	}
	s.Tables = append(s.Tables, consumeTable(cases, runs))
	for i, c := range cases {
		s.Samples = append(s.Samples,
			report.Sample{Name: "consume/" + c.key + "/tenon", Unit: report.PerSecond, Series: runs[i].rate},
			report.Sample{Name: "consume/" + c.key + "/pgbench", Unit: report.PerSecond, Series: runs[i].peer})
	}
	return nil
}

// contest runs every case beside pgbench with as many tenants.
func (db *database) contest(ctx context.Context, l *lab.Lab, peer *pgbench, cases []consumption) ([]consumeRun, error) {
	l.Say("entitlements: consume, %d rounds", l.Rounds)
	runs := make([]consumeRun, len(cases))
	peers := map[int]int{} // by tenants: which contender
	var contenders []measure.Contender
	for i, c := range cases {
		if _, ok := peers[c.tenants]; !ok {
			peers[c.tenants] = len(contenders)
			contenders = append(contenders, func(ctx context.Context) (float64, error) { return db.peerRound(ctx, peer, c.tenants) })
		}
		contenders = append(contenders, func(ctx context.Context) (float64, error) { return db.round(ctx, l, c, &runs[i]) })
	}
	series, err := measure.Interleave(ctx, l.Rounds, contenders...)
	if err != nil {
		return nil, err
	}
	for i, c := range cases {
		runs[i].peer = series[peers[c.tenants]]
	}
	return runs, nil
}

func (db *database) peerRound(ctx context.Context, peer *pgbench, tenants int) (float64, error) {
	if err := db.reset(ctx); err != nil {
		return 0, err
	}
	done, rate, err := peer.run(ctx, tenants)
	if err != nil {
		return 0, err
	}
	return rate, db.verify(ctx, done)
}

func (db *database) round(ctx context.Context, l *lab.Lab, c consumption, run *consumeRun) (float64, error) {
	if err := db.reset(ctx); err != nil {
		return 0, err
	}
	load, err := measure.Run(ctx, c.callers, l.Length, db.consume(c))
	if err != nil {
		return 0, err
	}
	run.rate = append(run.rate, load.Rate())
	run.p50 = append(run.p50, load.Quantile(0.5))
	run.p99 = append(run.p99, load.Quantile(0.99))
	return load.Rate(), db.verify(ctx, load.Calls)
}

var errRefused = errors.New("a use was refused or replayed")

// consume is a call of one unit under a key of its own.
func (db *database) consume(c consumption) measure.Call {
	random := make([]*rand.Rand, c.callers)
	for i := range random {
		random[i] = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	return func(ctx context.Context, caller, _ int) error {
		r := random[caller]
		d, err := db.gate.Consume(ctx, entitlements.Use{
			Tenant: db.tenants[r.IntN(c.tenants)], Feature: db.features[0], Quantity: 1, Key: key(r),
		})
		if err == nil && (!d.Allowed || d.Replayed) {
			err = errRefused
		}
		return err
	}
}

// key returns a key as long as those of pgbench.
func key(r *rand.Rand) string {
	return "key-" + strconv.FormatInt(100000000000000000+r.Int64N(900000000000000000), 10)
}

func consumeTable(cases []consumption, runs []consumeRun) report.Table {
	t := report.Table{
		Title: "Consume, strict and durable",
		Text: fmt.Sprintf("pgbench has %d clients in every case, and as many tenants as tenon. tenon's callers and its Postgres share the machine, as pgbench and its do.",
			clients),
		Columns: []string{"tenon", "pgbench", "p50", "p99"},
	}
	for i, c := range cases {
		t.Rows = append(t.Rows, consumeRows(c, runs[i])...)
	}
	return t
}

func consumeRows(c consumption, run consumeRun) []report.Row {
	return []report.Row{
		{
			Case:   c.name + ": tenon over pgbench",
			Figure: report.Over(run.rate, run.peer),
			Target: report.Target{Bound: report.AtLeast, Value: c.atLeast},
			Cells: []string{
				report.Spread(run.rate, report.PerSecond), report.Spread(run.peer, report.PerSecond),
				report.Spread(run.p50, report.Milliseconds), report.Spread(run.p99, report.Milliseconds),
			},
		},
		{
			Case:   c.name + ": p99 over p50",
			Figure: report.Over(run.p99, run.p50),
			Target: report.Target{Bound: report.AtMost, Value: 10},
			Cells:  []string{"", "", "", ""},
		},
	}
}
