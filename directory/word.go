package directory

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// English is the language whose words are stemmed.
const English = "en"

// Word is a word of a search.
type Word struct {
	Text string // folded
	Stem string
	// Distance is how many errors the word may have: 0, 1 from 4 letters, 2 from 8; 0 where it has a digit.
	Distance int
}

// wordsOf reads the text of a search. Words that carry no meaning are left out where others are left.
func wordsOf(text string) []Word {
	var all []Word
	for _, t := range tokens(text) {
		if !slices.ContainsFunc(all, func(w Word) bool { return w.Text == t }) {
			all = append(all, Word{Text: t, Stem: Stem(t), Distance: tolerance(t)})
		}
	}
	telling := slices.DeleteFunc(slices.Clone(all), func(w Word) bool { return stopWords[w.Text] })
	if len(telling) == 0 {
		return all
	}
	return telling
}

// tolerance is how many errors a word may have.
func tolerance(word string) int {
	n := utf8.RuneCountInString(word)
	switch {
	case n < 4 || strings.ContainsAny(word, "0123456789"):
		return 0
	case n < 8:
		return 1
	}
	return 2
}

// Term is a word of an entry.
type Term struct {
	Text string // folded
	Stem string // the same in languages that are not stemmed
	Name bool   // it stands in the name
}

// Terms returns the words of e, each once, those of the name first. Words of the description that carry no meaning are
// left out.
func (e *Entry) Terms() []Term {
	var terms []Term
	seen := map[string]bool{}
	add := func(text string, name bool) {
		for _, t := range tokens(text) {
			if seen[t] || !name && stopWords[t] {
				continue
			}
			seen[t] = true
			terms = append(terms, Term{t, stemIn(t, e.Language), name})
		}
	}
	add(e.Name, true)
	add(e.Description, false)
	return terms
}

// stemIn returns the stem of a word of a language; the word itself where that is not English.
func stemIn(word, language string) string {
	if language == "" || language == English || strings.HasPrefix(language, English+"-") {
		return Stem(word)
	}
	return word
}

// stopWords are English words that say nothing of a company.
var stopWords = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`a an and are as at be but by for from has have in into is it its of on or our such that the
		their then there these they this to us was we were which who will with you your`) {
		m[w] = true
	}
	return m
}()

// Levels are made of three parts: the bucket (exact, prefix, misspelt), whether the word stands in the name, and how
// near it is. A lower level is better.
const (
	exactBucket = iota * bucketSize
	prefixBucket
	typoBucket

	bucketSize = 256
	inText     = 128 // the word stands in the description
)

// Level says whether w finds t, and how well; the lower the better.
func (w Word) Level(t Term) (level int, ok bool) {
	level, ok = w.near(t)
	if ok && !t.Name {
		level += inText
	}
	return level, ok
}

func (w Word) near(t Term) (level int, ok bool) {
	switch {
	case t.Text == w.Text:
		return exactBucket, true
	case t.Stem == w.Stem:
		return exactBucket + 1, true
	case w.begins(t.Text):
		return prefixBucket + w.missing(t.Text), true
	}
	errors, ok := w.Errors(t.Text)
	return typoBucket + errors, ok
}

// shortestPrefix is from how many letters on a word finds those that it begins.
const shortestPrefix = 2

func (w Word) begins(word string) bool {
	return strings.HasPrefix(word, w.Text) && utf8.RuneCountInString(w.Text) >= shortestPrefix
}

// missing is how many letters w lacks to be word, where they are so few that they may have been forgotten; else one
// more than that.
func (w Word) missing(word string) int {
	return min(utf8.RuneCountInString(word)-utf8.RuneCountInString(w.Text), w.Distance+1)
}
