package slo

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// A sketch counts durations in cells whose width is 1/64 of their octave, from 1,024 ns on: the middle of a cell is
// within 0.8 % of whatever fell into it. The cell is what the first 18 bits of the nanoseconds as a float64 (IEEE 754)
// say, so that Go, and SQL by float8send, agree to the last bit.
const (
	cellBits  = 6
	octaves   = 32 // up to 2^42 ns, 73 minutes; what is longer falls into the last cell
	cells     = octaves << cellBits
	firstCell = (1023 + 10) << cellBits // of 2^10 ns
)

// cellOf returns the cell of a duration of d nanoseconds, not negative.
func cellOf(d int64) int {
	i := int(math.Float64bits(float64(d))>>(52-cellBits)) - firstCell
	return min(max(i, 0), cells-1)
}

// middle returns the duration that stands for a cell.
func middle(cell int) time.Duration {
	low := math.Float64frombits(uint64(cell+firstCell) << (52 - cellBits))
	high := math.Float64frombits(uint64(cell+firstCell+1) << (52 - cellBits))
	return time.Duration((low + high) / 2)
}

// Cell is how many durations fell into a cell of a [Sketch].
type Cell struct {
	Index int   // from 0 to 2,047
	Count int64 // positive
}

// Sketch is how durations are distributed, for display: its quantiles are within 1 %. It adds up over minutes and
// instances without loss. The cells are in the order of their index. What decides is counted exactly, beside it.
type Sketch []Cell

// Observe returns the sketch with one more duration. A negative one counts as 0.
func (s Sketch) Observe(d time.Duration) Sketch {
	return s.Merge(Sketch{{Index: cellOf(max(int64(d), 0)), Count: 1}})
}

// Merge returns both together, in a new sketch.
func (s Sketch) Merge(o Sketch) Sketch {
	sum := make(Sketch, 0, len(s)+len(o))
	for len(s) > 0 && len(o) > 0 {
		switch {
		case s[0].Index < o[0].Index:
			sum, s = append(sum, s[0]), s[1:]
		case s[0].Index > o[0].Index:
			sum, o = append(sum, o[0]), o[1:]
		default:
			sum = append(sum, Cell{s[0].Index, s[0].Count + o[0].Count})
			s, o = s[1:], o[1:]
		}
	}
	return append(append(sum, s...), o...)
}

// Count returns how many durations there are.
func (s Sketch) Count() int64 {
	var n int64
	for _, c := range s {
		n += c.Count
	}
	return n
}

// Quantile returns the duration that a share q of all did not exceed (the nearest rank), within 1 %, and false when
// there are none.
func (s Sketch) Quantile(q PPM) (time.Duration, bool) {
	n := s.Count()
	if n == 0 {
		return 0, false
	}
	whole, part := n/int64(Whole), n%int64(Whole)
	rank := max(whole*int64(q)+(part*int64(q)+int64(Whole)-1)/int64(Whole), 1)
	for _, c := range s {
		if rank -= c.Count; rank <= 0 {
			return middle(c.Index), true
		}
	}
	return middle(s[len(s)-1].Index), true
}

// Histogram adds up sketches. The zero Histogram is empty.
type Histogram struct{ counts []int64 }

// Add adds a cell. One whose index is no cell's is left out.
func (h *Histogram) Add(c Cell) {
	if h.counts == nil {
		h.counts = make([]int64, cells)
	}
	if c.Index >= 0 && c.Index < cells {
		h.counts[c.Index] += c.Count
	}
}

// Sketch returns the sum; nil of nothing.
func (h *Histogram) Sketch() Sketch {
	var s Sketch
	for i, n := range h.counts {
		if n > 0 {
			s = append(s, Cell{i, n})
		}
	}
	return s
}

// MarshalBinary writes the sketch in a few bytes a cell.
func (s Sketch) MarshalBinary() ([]byte, error) {
	b, last := make([]byte, 0, 3*len(s)), -1
	for _, c := range s {
		b = binary.AppendUvarint(b, uint64(c.Index-last))
		b = binary.AppendUvarint(b, uint64(c.Count))
		last = c.Index
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote. Anything else is a [tenon.ErrInvalid].
func (s *Sketch) UnmarshalBinary(b []byte) error {
	var read Sketch
	for last := -1; len(b) > 0; {
		gap, n := binary.Uvarint(b)
		if n <= 0 || gap == 0 || gap > cells {
			return tenon.Invalid("sketch", "is cut short or out of order")
		}
		count, m := binary.Uvarint(b[n:])
		if last += int(gap); m <= 0 || last >= cells || count == 0 || count > math.MaxInt64 {
			return tenon.Invalid("sketch", "is cut short or out of order")
		}
		read, b = append(read, Cell{last, int64(count)}), b[n+m:]
	}
	*s = read
	return nil
}

// Clone returns a copy.
func (s Sketch) Clone() Sketch { return slices.Clone(s) }

// CellBounds returns the lower bound in nanoseconds of every cell but the first, for stores that tell cells apart
// themselves: a duration lies in the cell whose index is the number of bounds that it reaches.
func CellBounds() []float64 {
	bounds := make([]float64, cells-1)
	for i := range bounds {
		bounds[i] = math.Float64frombits(uint64(i+1+firstCell) << (52 - cellBits))
	}
	return bounds
}
