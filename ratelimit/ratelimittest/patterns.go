package ratelimittest

import (
	"math"
	"math/rand/v2"
	"time"
)

// Arrivals is what a [Pattern] plays on: a limit of so many units in any window, and whoever decides.
type Arrivals struct {
	Limit  int64
	Window time.Duration
	Length time.Duration // for how long calls arrive
	Rand   *rand.Rand

	// Now is the time since the beginning.
	Now func() time.Duration
	// Sleep lets time pass.
	Sleep func(time.Duration)
	// Take asks for n units and says whether it got them, and after how long to ask again; 0 when that is not known.
	Take func(n int64) (allowed bool, retry time.Duration)
}

// Pattern is a way in which calls arrive.
type Pattern struct {
	Name string
	Play func(a *Arrivals)
}

// Patterns returns nine ways in which calls arrive, of which some are made to get more through than the limit says.
func Patterns() []Pattern {
	return []Pattern{
		{"steady", func(a *Arrivals) { a.every(a.interval() / 2) }},
		{"burst_at_the_edge", (*Arrivals).burstAtTheEdge},
		{"back_to_back_bursts", func(a *Arrivals) { a.bursts(a.Window / 2) }},
		{"sawtooth", (*Arrivals).sawtooth},
		{"poisson", func(a *Arrivals) { a.poisson(a.interval() / 2) }},
		{"one_per_interval", func(a *Arrivals) { a.every(a.interval()) }},
		{"double_burst", (*Arrivals).doubleBurst},
		{"slow_then_burst", (*Arrivals).slowThenBurst},
		{"adversary", (*Arrivals).adversary},
	}
}

// RandomPattern is one of endlessly many: it changes between crowds, bursts, idle times and costs as seed says.
func RandomPattern(seed uint64) Pattern {
	return Pattern{"random", func(a *Arrivals) {
		a.Rand = rand.New(rand.NewPCG(seed, 1))
		for !a.over() {
			a.randomPart()
		}
	}}
}

func (a *Arrivals) over() bool { return a.Now() >= a.Length }

// interval is the time between two units of a limit that is used up steadily.
func (a *Arrivals) interval() time.Duration { return a.Window / time.Duration(a.Limit) }

// burst asks for single units until one is refused, at most n times.
func (a *Arrivals) burst(n int64) {
	for range n {
		if ok, _ := a.Take(1); !ok {
			return
		}
	}
}

func (a *Arrivals) every(d time.Duration) {
	for !a.over() {
		a.Take(1)
		a.Sleep(max(d, 1))
	}
}

func (a *Arrivals) until(at time.Duration) { a.Sleep(max(at-a.Now(), 1)) }

// burstAtTheEdge asks for everything just before each window of the clock ends, and again just after.
func (a *Arrivals) burstAtTheEdge() {
	for edge := a.Window; !a.over(); edge += a.Window {
		a.until(edge - a.Window/100)
		a.burst(2 * a.Limit)
		a.until(edge)
		a.burst(2 * a.Limit)
	}
}

func (a *Arrivals) bursts(pause time.Duration) {
	for !a.over() {
		a.burst(2 * a.Limit)
		a.Sleep(pause)
	}
}

// sawtooth comes faster and faster, then begins again.
func (a *Arrivals) sawtooth() {
	for !a.over() {
		for d := 4 * a.interval(); d > a.interval()/8 && !a.over(); d = d * 19 / 20 {
			a.Take(1)
			a.Sleep(d)
		}
	}
}

func (a *Arrivals) poisson(mean time.Duration) {
	for !a.over() {
		a.Take(1)
		a.Sleep(time.Duration(a.Rand.ExpFloat64()*float64(mean)) + 1)
	}
}

// doubleBurst puts a burst on either side of a boundary that moves through the window.
func (a *Arrivals) doubleBurst() {
	for i := time.Duration(0); !a.over(); i++ {
		a.burst(a.Limit)
		a.Sleep(a.Window*(20+i%5)/23 + 1)
		a.burst(a.Limit)
		a.Sleep(a.Window/7 + i)
	}
}

// slowThenBurst saves up, then takes everything twice.
func (a *Arrivals) slowThenBurst() {
	for !a.over() {
		for range a.Limit / 2 {
			a.Take(1)
			a.Sleep(2 * a.interval())
		}
		a.burst(a.Limit)
		a.Sleep(a.interval())
		a.burst(a.Limit)
	}
}

// adversary believes RetryAfter, and comes a nanosecond before it and at it.
func (a *Arrivals) adversary() {
	for !a.over() {
		ok, retry := a.Take(1 + a.Rand.Int64N(max(a.Limit/10, 1)))
		if ok || retry <= 1 {
			a.Sleep(1)
			if !ok {
				a.Sleep(a.interval())
			}
			continue
		}
		a.Sleep(retry - 1)
		a.Take(1)
		a.Sleep(1)
	}
}

func (a *Arrivals) randomPart() {
	end := a.Now() + time.Duration(a.Rand.Float64()*float64(a.Window)) + 1
	switch a.Rand.IntN(5) {
	case 0:
		a.Sleep(end - a.Now())
	case 1:
		a.burst(1 + a.Rand.Int64N(2*a.Limit))
		a.Sleep(1 + time.Duration(a.Rand.Int64N(int64(a.Window)/10)))
	case 2:
		_, retry := a.Take(1 + a.Rand.Int64N(a.Limit+a.Limit/10+1))
		a.Sleep(retry + time.Duration(a.Rand.IntN(3)))
	default:
		mean := float64(a.interval()) * math.Pow(4, a.Rand.Float64()*2-1)
		for a.Now() < end {
			a.Take(1)
			a.Sleep(time.Duration(a.Rand.ExpFloat64()*mean) + 1)
		}
	}
}
