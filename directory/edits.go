package directory

import (
	"slices"
	"strings"
)

// Errors says whether a word may be what w was meant to be, and how far it is: the higher, the less likely. It is below
// 128. Words of different scripts, or of one letter more or less than w may lack, never are.
func (w Word) Errors(word string) (cost int, ok bool) {
	if w.Distance == 0 {
		return 0, false
	}
	a, b := []rune(w.Text), []rune(word)
	if len(a)-len(b) > w.Distance || len(b)-len(a) > w.Distance {
		return 0, false
	}
	if !within(a, b, w.Distance) {
		return 0, false
	}
	errors, weight := distance(a, b, w.Distance)
	if errors > w.Distance {
		return 0, false
	}
	return (errors-1)*64 + min(weight, 63), true
}

// within says whether a and b are at most so many errors apart, at a fraction of what the weights cost: of the words
// that a neighbourhood meets, few are. It leaves words that are very long to distance.
func within(a, b []rune, most int) bool {
	var rows [3][64]int
	if len(b) >= len(rows[0]) {
		return true
	}
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		row, above, above2 := &rows[i%3], &rows[(i-1)%3], &rows[(i+1)%3]
		row[0] = i
		best := i
		for j := 1; j <= len(b); j++ {
			c := above[j-1]
			if a[i-1] != b[j-1] {
				c = 1 + min(c, above[j], row[j-1])
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					c = min(c, 1+above2[j-2])
				}
			}
			row[j] = c
			best = min(best, c)
		}
		if best > most {
			return false
		}
	}
	return rows[len(a)%3][len(b)] <= most
}

// distance returns how many letters are to be put in, left out, replaced or swapped with their neighbour to make a of b
// (optimal string alignment), and, of the ways to do so with the fewest, the least weight. Above most it returns
// something above most.
func distance(a, b []rune, most int) (errors, weight int) {
	rows := [3][]cell{}
	for i := range rows {
		rows[i] = make([]cell, len(b)+1)
	}
	for j := 1; j <= len(b); j++ {
		rows[0][j] = rows[0][j-1].plus(missed(a, b, 0, j))
	}
	for i := 1; i <= len(a); i++ {
		row, above, above2 := rows[i%3], rows[(i-1)%3], rows[(i+1)%3]
		row[0] = above[0].plus(extra(a, i))
		best := row[0].errors
		for j := 1; j <= len(b); j++ {
			c := above[j-1]
			if a[i-1] != b[j-1] {
				c = c.plus(replaced(a[i-1], b[j-1], i))
			}
			c = least(c, above[j].plus(extra(a, i)), row[j-1].plus(missed(a, b, i, j)))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				c = least(c, above2[j-2].plus(swapped(i)))
			}
			row[j] = c
			best = min(best, c.errors)
		}
		if best > most {
			return best, 0
		}
	}
	last := rows[len(a)%3][len(b)]
	return last.errors, last.weight
}

// cell is the number of errors and their weight.
type cell struct{ errors, weight int }

func (c cell) plus(weight int) cell { return cell{c.errors + 1, c.weight + weight} }

func least(c cell, others ...cell) cell {
	for _, o := range others {
		if o.errors < c.errors || o.errors == c.errors && o.weight < c.weight {
			c = o
		}
	}
	return c
}

// The weights of errors, of one that is easily made to one that hardly is. The first letter is rarely wrong.
const (
	light     = 4
	usual     = 8
	heavy     = 12
	firstOnes = 8
)

// extra weighs the letter a[i-1], which is too much.
func extra(a []rune, i int) int {
	switch {
	case i > 1 && a[i-1] == a[i-2], i < len(a) && a[i-1] == a[i]: // typed twice
		return light
	case i > 1 && touching.has(a[i-1], a[i-2]), i < len(a) && touching.has(a[i-1], a[i]):
		return usual - 2
	}
	return atStart(usual, i)
}

// missed weighs the letter b[j-1], which was left out after a[i-1].
func missed(_, b []rune, i, j int) int {
	if j > 1 && b[j-1] == b[j-2] || j < len(b) && b[j-1] == b[j] { // one of two
		return light
	}
	return atStart(usual, i+1)
}

// replaced weighs x instead of y at the i-th place.
func replaced(x, y rune, i int) int {
	if similar.has(x, y) {
		return atStart(usual-2, i)
	}
	return atStart(heavy-2, i)
}

// swapped weighs two neighbours in the wrong order that end at the i-th place.
func swapped(i int) int { return atStart(light+1, i-1) }

func atStart(weight, place int) int {
	if place == 1 {
		return weight + firstOnes
	}
	return weight
}

func isVowel(r rune) bool { return strings.ContainsRune("aeiouy", r) }

// sounds says whether two letters are mistaken for each other when one writes what one hears.
func sounds(x, y rune) bool {
	return slices.ContainsFunc([]string{"ck", "sc", "sz", "td", "mn", "pb", "fv", "gj", "kq", "gk", "xs"}, func(pair string) bool {
		return strings.ContainsRune(pair, x) && strings.ContainsRune(pair, y)
	})
}

// keyboard are the rows of the usual keyboard (QWERTY), each key beside the one before.
var keyboard = []string{"qwertyuiop", "asdfghjkl", "zxcvbnm"}

// pairs are pairs of letters in ASCII.
type pairs [128][128]bool

func (p *pairs) has(x, y rune) bool { return x < 128 && y < 128 && p[x][y] }

// touching are keys that touch, similar letters that are easily taken for each other.
var touching, similar = func() (touching, similar pairs) {
	for x := range rune(128) {
		for y := range rune(128) {
			touching[x][y] = besides(x, y)
			similar[x][y] = touching[x][y] || isVowel(x) && isVowel(y) || sounds(x, y)
		}
	}
	return touching, similar
}()

// besides says whether two keys touch.
func besides(x, y rune) bool {
	xr, xc := key(x)
	yr, yc := key(y)
	if xr < 0 || yr < 0 {
		return false
	}
	if xr > yr {
		xr, xc, yr, yc = yr, yc, xr, xc
	}
	switch yr - xr {
	case 0:
		return xc-yc == 1 || yc-xc == 1
	case 1: // the lower row stands half a key to the right
		return yc == xc || yc == xc-1
	}
	return false
}

func key(r rune) (row, column int) {
	for row, keys := range keyboard {
		if column := strings.IndexRune(keys, r); column >= 0 {
			return row, column
		}
	}
	return -1, -1
}
