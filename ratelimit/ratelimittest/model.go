package ratelimittest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/transbotai/tenon/ratelimit"
)

// testModel plays random operations to the store and to a MemoryStore on the same clock. The outcomes must be the same.
func testModel(t *testing.T, newStore NewStore) {
	sequences, steps := 8, 150
	if os.Getenv("TENON_SOAK") != "" {
		sequences, steps = 200, 2000
	}
	for seed := range sequences {
		t.Run(fmt.Sprint("seed_", seed), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, newStore)
			model := ratelimit.NewMemoryStore(&ratelimit.MemoryOptions{Now: r.now})
			p := &player{rig: r, model: model, rand: rand.New(rand.NewPCG(uint64(seed), 4))}
			for range steps {
				p.step()
			}
		})
	}
}

// player makes up operations.
type player struct {
	*rig
	model *ratelimit.MemoryStore
	rand  *rand.Rand
	past  []taken
}

// taken is an operation that took units.
type taken struct {
	op      ratelimit.Op
	outcome ratelimit.Outcome
}

var lists = [][]ratelimit.Limit{
	{ratelimit.Per(20, time.Second)},
	{ratelimit.Per(20, time.Second), ratelimit.PerMinute(100)},
	{ratelimit.Bucket(7, 12)},
	{ratelimit.PerMinute(100), ratelimit.Bucket(30, 5), ratelimit.PerDay(5000, nil)},
	{ratelimit.InFlight(5, 2*time.Second), ratelimit.PerMinute(100)},
	{{Algorithm: ratelimit.Calendar, Max: 300, Period: ratelimit.Hourly}, ratelimit.NoLimit()},
}

func (p *player) step() {
	switch p.rand.IntN(4) {
	case 0:
		p.pass(time.Duration(p.rand.Int64N(int64(2 * time.Second))))
	case 1:
		p.pass(time.Duration(p.rand.Int64N(int64(50 * time.Millisecond))))
	}
	ops := make([]ratelimit.Op, 1+p.rand.IntN(4))
	for i := range ops {
		ops[i] = p.op()
	}
	got, err := p.store.Settle(p.t.Context(), ops)
	want, _ := p.model.Settle(p.t.Context(), ops)
	if err != nil || len(got) != len(want) {
		p.t.Fatalf("Settle: %d outcomes of %d, %v", len(got), len(ops), err)
	}
	for i, op := range ops {
		if got[i] != want[i] {
			p.t.Fatalf("at %s\n%+v\ngot  %+v\nwant %+v", p.now(), op, got[i], want[i])
		}
		if want[i].Units > 0 {
			p.past = append(p.past, taken{op, want[i]})
		}
	}
}

func (p *player) op() ratelimit.Op {
	key := p.key
	key.Name += fmt.Sprint(p.rand.IntN(3))
	op := ratelimit.Op{Key: key, Limits: lists[p.rand.IntN(len(lists))], N: 1 + p.rand.Int64N(6)}
	switch n := p.rand.IntN(20); {
	case n < 2 && len(p.past) > 0:
		return p.refund()
	case n == 2:
		op.Kind = ratelimit.OpReset
	case n < 6:
		op.Kind = ratelimit.OpPeek
	}
	op.Least = 1 + p.rand.Int64N(op.N)
	if op.Kind == ratelimit.OpTake && p.rand.IntN(3) == 0 {
		op.Lapse = time.Duration(p.rand.IntN(300)) * time.Millisecond
	}
	return op
}

func (p *player) refund() ratelimit.Op {
	back := p.past[p.rand.IntN(len(p.past))]
	return ratelimit.Op{
		Kind: ratelimit.OpRefund, Key: back.op.Key, Limits: back.op.Limits, N: 1 + p.rand.Int64N(back.outcome.Units),
		At: back.outcome.At, Lapse: back.op.Lapse,
	}
}
