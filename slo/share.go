package slo

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/transbotai/tenon"
)

// PPM is a share in parts per million, from 0 to [Whole]. Targets are integers, so that a budget which is used up to
// the last event reads as exactly 1.
type PPM int64

// Whole is all of it: 100 %.
const Whole PPM = 1_000_000

// ParsePPM reads a share: "0.999" or "99.9%". What is finer than a millionth, below 0 or above the whole is refused.
func ParsePPM(s string) (PPM, error) {
	digits, percent := strings.CutSuffix(s, "%")
	places := 6
	if percent {
		places = 4
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	if fraction = strings.TrimRight(fraction, "0"); len(fraction) > places {
		return 0, tenon.Invalid("share", "is finer than a millionth")
	}
	n, err := strconv.ParseUint(whole+fraction+strings.Repeat("0", places-len(fraction)), 10, 63)
	if err != nil || whole == "" {
		return 0, tenon.Invalid("share", "is not a number such as 0.999 or 99.9%%")
	}
	return PPM(n), PPM(n).check("share")
}

// PPMOf returns the share nearest to f. NaN, and what lies outside 0 to 1, is refused.
func PPMOf(f float64) (PPM, error) {
	if !(f >= 0 && f <= 1) {
		return 0, tenon.Invalid("share", "is not between 0 and 1")
	}
	return PPM(math.Round(f * float64(Whole))), nil
}

func (p PPM) check(field string) error {
	if p < 0 || p > Whole {
		return tenon.Invalid(field, "is not between 0 and 1,000,000 parts per million")
	}
	return nil
}

// Float returns the share as a number from 0 to 1.
func (p PPM) Float() float64 { return float64(p) / float64(Whole) }

// String returns the share in percent: "99.9%".
func (p PPM) String() string { return strconv.FormatFloat(float64(p)/1e4, 'f', -1, 64) + "%" }

// left returns the budget: what the share leaves to the whole.
func (p PPM) left() int64 { return int64(Whole - p) }

// Count is events of a span of time; of a time-slice objective, minutes.
type Count struct {
	Good  int64
	Valid int64 // good and bad
	// Open counts minutes that a process began and never closed although they are over: it crashed, and what it had
	// not flushed of them is lost.
	Open int64
}

// Bad returns how many events were bad.
func (c Count) Bad() int64 { return c.Valid - c.Good }

// Ratio returns good over valid, and 0 of an empty count.
func (c Count) Ratio() float64 {
	if c.Valid == 0 {
		return 0
	}
	return float64(c.Good) / float64(c.Valid)
}

// Burn returns how fast the count uses the budget of a target: 1 uses all of it in the window, exactly. It is what
// was consumed when the count is that of the objective's own window. A target of 100 % has no budget: any bad event
// gives +Inf. An empty count gives 0.
func (c Count) Burn(target PPM) float64 {
	bad := float64(c.Bad())
	if bad <= 0 {
		return 0
	}
	return bad * float64(Whole) / (float64(target.left()) * float64(c.Valid))
}

// CompareBurn compares how fast the budget burns with a rate, without rounding: -1, 0 or 1.
func (c Count) CompareBurn(target PPM, rate Rate) int {
	return compareProducts(c.Bad(), int64(Whole)*int64(One), c.Valid, int64(rate)*target.left())
}

// CompareUsed compares how much of the budget is used with a share of it, without rounding: -1, 0 or 1.
func (c Count) CompareUsed(target, share PPM) int {
	return compareProducts(c.Bad(), int64(Whole)*int64(Whole), c.Valid, int64(share)*target.left())
}

func (c Count) plus(o Count) Count {
	return Count{Good: c.Good + o.Good, Valid: c.Valid + o.Valid, Open: c.Open + o.Open}
}

// compareProducts compares a×b with c×d in 128 bits; none is negative.
func compareProducts(a, b, c, d int64) int {
	h1, l1 := bits.Mul64(uint64(max(a, 0)), uint64(b))
	h2, l2 := bits.Mul64(uint64(max(c, 0)), uint64(d))
	switch {
	case h1 != h2:
		return sign(h1 > h2)
	case l1 != l2:
		return sign(l1 > l2)
	}
	return 0
}

func sign(more bool) int {
	if more {
		return 1
	}
	return -1
}

// scale returns a×b/c rounded down, in 128 bits; ok is false when it does not fit.
func scale(a, b, c int64) (v int64, ok bool) {
	high, low := bits.Mul64(uint64(a), uint64(b))
	if c <= 0 || high >= uint64(c) {
		return 0, false
	}
	q, _ := bits.Div64(high, low, uint64(c))
	return int64(q), q <= math.MaxInt64
}
