package directory

import (
	"slices"
	"unicode/utf8"
)

// The delete neighbourhood of a word is its beginning with some letters left out. Two words within an edit distance
// have a member of their neighbourhoods in common (Garbe's symmetric deletes), so that a look-up of a few dozen texts
// finds every word that may have been meant, and what is found by chance is sorted out by [Word.Errors].

// headLength is how many letters of a word its neighbourhood is made of.
const headLength = 7

// Neighbours returns the delete neighbourhood under which a word of an entry is kept. It is empty for words that no
// misspelling finds.
func Neighbours(word string) []string {
	switch n := utf8.RuneCountInString(word); {
	case n < 3:
		return nil
	case n < 6:
		return deletes(word, 1)
	}
	return deletes(word, 2)
}

// Neighbours returns the delete neighbourhood under which w is looked up; empty for words without tolerance.
func (w Word) Neighbours() []string {
	if w.Distance == 0 {
		return nil
	}
	return deletes(w.Text, w.Distance)
}

// deletes returns the head of a word with up to so many letters left out, in order and each once.
func deletes(word string, most int) []string {
	head := []rune(word)
	head = head[:min(len(head), headLength)]
	all := []string{string(head)}
	previous := [][]rune{head}
	for range most {
		var next [][]rune
		for _, w := range previous {
			for i := range w {
				shorter := slices.Concat(w[:i], w[i+1:])
				next, all = append(next, shorter), append(all, string(shorter))
			}
		}
		previous = next
	}
	slices.Sort(all)
	return slices.Compact(all)
}
