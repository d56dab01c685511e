package kpi

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/transbotai/tenon"
)

// Amount is a decimal number in millionths: of a property, of a sum. Sums are exact; nothing is added up in floating
// point. A property with more decimals is rounded half away from zero.
type Amount int64

const (
	one = 1_000_000 // an Amount of 1
	// maxAmount bounds the magnitude of a property that counts as a number: 10^12.
	maxAmount = 1_000_000_000_000 * one
)

// ErrSum says that a sum does not fit an [Amount].
var ErrSum = tenon.Invalid("sum", "lies beyond ±9.2e12")

// AmountOf returns the value of a number in JSON, and false when its magnitude is over 10^12 or it is not a number.
func AmountOf(n json.Number) (Amount, bool) {
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		if i < -maxAmount/one || i > maxAmount/one {
			return 0, false
		}
		return Amount(i) * one, true
	}
	// keeps exponents small before they are expanded
	switch f, err := strconv.ParseFloat(string(n), 64); {
	case err != nil:
		return 0, false
	case math.Abs(f) < 1e-7:
		return 0, true
	}
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return 0, false
	}
	return round(r)
}

// round rounds half away from zero, as Postgres does.
func round(r *big.Rat) (Amount, bool) {
	r.Mul(r, big.NewRat(one, 1))
	half := big.NewRat(int64(r.Sign()), 2)
	r.Add(r, half)
	q := new(big.Int).Quo(r.Num(), r.Denom())
	if !q.IsInt64() || q.Int64() < -maxAmount || q.Int64() > maxAmount {
		return 0, false
	}
	return Amount(q.Int64()), true
}

// String returns the number without trailing zeros: "12.5".
func (a Amount) String() string {
	sign, n := "", uint64(a)
	if a < 0 {
		sign, n = "-", -n
	}
	s := sign + strconv.FormatUint(n/one, 10)
	if n%one != 0 {
		frac := strconv.FormatUint(n%one+one, 10)[1:]
		s += "." + strings.TrimRight(frac, "0")
	}
	return s
}

// Float returns the nearest float64.
func (a Amount) Float() float64 { return float64(a) / one }

// MarshalJSON writes the number as one of JSON.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalJSON reads what MarshalJSON wrote.
func (a *Amount) UnmarshalJSON(b []byte) error {
	n, ok := AmountOf(json.Number(b))
	if !ok {
		return tenon.Invalid("amount", "is no number within ±10^12")
	}
	*a = n
	return nil
}

// Plus adds, and says false when the sum does not fit.
func (a Amount) Plus(b Amount) (Amount, bool) {
	s := a + b
	return s, (s > a) == (b > 0)
}
