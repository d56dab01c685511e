// Package option completes the options that a caller left out.
package option

// Positive returns v, or what is usual when v is zero or negative. Where a negative value has a meaning of its own, [cmp.Or]
// does.
func Positive[T ~int | ~int64 | ~float64](v, usual T) T {
	if v <= 0 {
		return usual
	}
	return v
}
