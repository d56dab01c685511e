package report

import (
	"math"
	"strconv"
	"strings"

	"github.com/transbotai/tenon/bench/measure"
)

// Unit is what a figure counts.
type Unit string

// The units.
const (
	Times        Unit = "×"
	Nanoseconds  Unit = "ns"
	Milliseconds Unit = "ms"
	PerSecond    Unit = "/s"
	Allocs       Unit = "allocs"
)

// Figure is a number with its unit.
type Figure struct {
	Value float64
	Unit  Unit
}

// String returns the figure with three digits that count: "16.2×", "131,000/s", "0.834 ms".
func (f Figure) String() string {
	space := " "
	if f.Unit == Times || f.Unit == PerSecond {
		space = ""
	}
	return number(f.Value) + space + string(f.Unit)
}

func (f Figure) rounded() float64 { return round(f.Value) }

// round keeps three digits.
func round(v float64) float64 {
	if v == 0 {
		return 0
	}
	scale := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

func number(v float64) string {
	v = round(v)
	switch {
	case v >= 1000:
		return thousands(strconv.FormatFloat(v, 'f', 0, 64))
	case v >= 100 || v == 0:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	default:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
}

func thousands(digits string) string {
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// Over returns how many times theirs ours is: the median over the rounds.
func Over(ours, theirs measure.Series) Figure {
	return Figure{Value: ours.Over(theirs).Median(), Unit: Times}
}

// Spread returns the median of a series, and the range in brackets.
func Spread(s measure.Series, u Unit) string {
	lowest, highest := s.Range()
	return Figure{s.Median(), u}.String() + " (" + number(lowest) + "–" + number(highest) + ")"
}
