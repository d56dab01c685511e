package entitlementstest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// act is what a step does.
type act string

const (
	wait     act = "wait"
	consume  act = "consume"
	record   act = "record"
	giveBack act = "return"
	reserve  act = "reserve"
	commit   act = "commit"
	release  act = "release"
	correct  act = "correct"
	move     act = "move"   // to another plan now
	planned  act = "plan"   // to another plan later
	status   act = "status" // to another status
	cycle    act = "cycle"  // moves the anchor of periods
	override act = "override"
	bestow   act = "grant"
	void     act = "void"
	attach   act = "attach"
	detach   act = "detach"
)

// step is one step of a sequence. It names holds, keys and grants by number, so that a sequence from which steps are
// left out is one still.
type step struct {
	act      act
	feature  string
	quantity int64
	key      string        // empty: a key of its own
	late     time.Duration // before now: when it happened; 0 for now
	length   time.Duration // a wait, a hold's life, what lies ahead
	pick     int           // which hold or grant, from the latest back
	plan     string
	status   entitlements.Status
	period   entitlements.Period
	hard     int64
	overage  int64
	priority int
	cut      bool // a piece ends before it
}

// String tells the step in one line.
func (s step) String() string {
	var b strings.Builder
	b.WriteString(string(s.act))
	for _, part := range []struct {
		name  string
		value any
		none  any
	}{
		{"", s.feature, ""},
		{"", s.quantity, int64(0)},
		{"key ", s.key, ""},
		{"late ", s.late, time.Duration(0)},
		{"for ", s.length, time.Duration(0)},
		{"#", s.pick, 0},
		{"", s.plan, ""},
		{"", s.status, entitlements.Status("")},
		{"by ", s.period, entitlements.Period{}},
		{"hard ", s.hard, int64(0)},
		{"overage ", s.overage, int64(0)},
		{"priority ", s.priority, 0},
	} {
		if part.value != part.none {
			fmt.Fprintf(&b, " %s%v", part.name, part.value)
		}
	}
	return b.String()
}

// acts is how often each act comes, out of all.
var acts = []struct {
	act  act
	odds int
}{
	{wait, 22},
	{consume, 26},
	{record, 7},
	{giveBack, 5},
	{reserve, 12},
	{commit, 10},
	{release, 4},
	{correct, 6},
	{move, 2},
	{planned, 1},
	{status, 2},
	{cycle, 1},
	{override, 3},
	{bestow, 5},
	{void, 1},
	{attach, 1},
	{detach, 1},
}

var (
	counters = []string{calls, calls, exports, messages, tasks, tasks, minutes, storage, credits, mixed, seats, seats}
	waits    = []time.Duration{
		time.Microsecond, time.Second, time.Minute, 20 * time.Minute, time.Hour, 5 * time.Hour, 24 * time.Hour, 9 * 24 * time.Hour, 31 * 24 * time.Hour,
	}
	lives = []time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour, 40 * 24 * time.Hour}
)

func newStep(r *rand.Rand) step {
	s := step{act: newAct(r), feature: one(r, counters), cut: r.IntN(4) == 0}
	switch s.act {
	case wait:
		s.feature, s.length = "", one(r, waits)
	case consume, record, giveBack, reserve:
		s.use(r)
	case commit, release:
		s.feature, s.quantity, s.pick = "", int64(r.IntN(14)), r.IntN(5)
		if s.act == release {
			s.quantity = 0
		}
	case correct:
		s.feature, s.key = "", newKey(r)
	case move, planned:
		s.feature, s.plan, s.length = "", one(r, []string{free, basic, basic, team, big}), one(r, waits)
	case status:
		s.feature, s.length = "", one(r, waits)
		s.status = one(r, []entitlements.Status{entitlements.Active, entitlements.Active, entitlements.Paused, entitlements.PastDue})
	case cycle:
		s.feature, s.late = "", time.Duration(r.IntN(50*24*60))*time.Minute
	case override:
		s.patch(r)
	case bestow:
		s.quantity, s.priority, s.late, s.length = 1+int64(r.IntN(9)), r.IntN(3)-1, -time.Duration(r.IntN(2))*one(r, waits), one(r, lives)
	case void:
		s.feature, s.pick = "", r.IntN(5)
	case attach, detach:
		s.feature, s.quantity, s.plan = "", 1+int64(r.IntN(2)), one(r, []string{pack, bundle})
	}
	return s
}

func (s *step) use(r *rand.Rand) {
	s.quantity = int64(r.IntN(9))
	if r.IntN(8) == 0 {
		s.quantity = int64(r.IntN(120))
	}
	if s.act == reserve {
		s.quantity, s.length = max(1, s.quantity), one(r, lives)
	}
	if r.IntN(3) == 0 {
		s.key = newKey(r)
	}
	if r.IntN(7) == 0 {
		s.late = time.Duration(1+r.IntN(45*24*60)) * time.Minute
	}
}

func (s *step) patch(r *rand.Rand) {
	s.period = one(r, []entitlements.Period{entitlements.Monthly, entitlements.Monthly, entitlements.Weekly, entitlements.Daily})
	if s.feature == seats || s.feature == minutes {
		s.period = entitlements.Period{}
	}
	s.hard, s.overage = int64(r.IntN(20)), int64(r.IntN(2)*r.IntN(6))
	if r.IntN(6) == 0 {
		s.hard = entitlements.Unlimited
	}
	if r.IntN(2) == 0 {
		s.length = one(r, lives)
	}
}

func newAct(r *rand.Rand) act {
	all := 0
	for _, a := range acts {
		all += a.odds
	}
	n := r.IntN(all)
	for _, a := range acts {
		if n -= a.odds; n < 0 {
			return a.act
		}
	}
	return wait
}

func newKey(r *rand.Rand) string { return fmt.Sprintf("k%d", r.IntN(12)) }

func one[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }
