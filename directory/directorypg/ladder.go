package directorypg

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/directory"
)

// The words of an entry are lexemes of its column terms, each with a letter before it that says what it is.
const (
	nameWord = "n" // a word of the name
	nameStem = "m" // its stem
	anyWord  = "w" // a word of the name or the description
	anyStem  = "s" // its stem
	service  = "v"
	region   = "r"
)

// document returns the lexemes of an entry. None needs escaping: words are letters, digits and marks, and services and
// regions are keys.
func document(e *directory.Entry, terms []directory.Term) string {
	var all []string
	for _, t := range terms {
		all = append(all, lexeme(anyWord, t.Text), lexeme(anyStem, t.Stem))
		if t.Name {
			all = append(all, lexeme(nameWord, t.Text), lexeme(nameStem, t.Stem))
		}
	}
	for _, s := range e.Services {
		all = append(all, lexeme(service, s))
	}
	for _, r := range e.Regions {
		all = append(all, lexeme(region, r))
	}
	return strings.Join(all, " ")
}

func lexeme(tag, text string) string { return "'" + tag + text + "'" }

// rung is a lexeme by which a word is found, and the level of what it finds.
type rung struct {
	level  int
	lexeme string
	within string // a lexeme that finds whatever this one does, and may stand for it
}

// ladder is how a search is answered: level by level, best first, where the entries up to a level are those that one
// text query matches.
type ladder struct {
	nothing bool     // a word is found nowhere
	filter  []string // what every query requires
	words   [][]rung // of each word of the search, by level
	levels  []int
}

// ladder asks which words there are that the words of q may find. Words that only hidden partners have may be among
// them, and find nothing.
func (s *Store) ladder(ctx context.Context, q *directory.Query) (*ladder, error) {
	l := &ladder{}
	for _, key := range q.Services {
		l.filter = append(l.filter, lexeme(service, key))
	}
	for _, key := range q.Regions {
		l.filter = append(l.filter, lexeme(region, key))
	}
	least := 0
	seen := map[int]bool{}
	known, err := s.known(ctx, q.Words)
	if err != nil {
		return nil, err
	}
	for i, w := range q.Words {
		rungs := rungsOf(w, known[i])
		if len(rungs) == 0 {
			return &ladder{nothing: true}, nil
		}
		l.words = append(l.words, rungs)
		least = max(least, rungs[0].level)
		for _, r := range rungs {
			seen[r.level] = true
		}
	}
	for level := range seen {
		if level >= least {
			l.levels = append(l.levels, level)
		}
	}
	slices.Sort(l.levels)
	return l, nil
}

// all matches whatever q finds at all.
func (l *ladder) all() string {
	if len(l.levels) == 0 {
		return strings.Join(l.filter, " & ")
	}
	return l.upTo(l.levels[len(l.levels)-1])
}

// below matches what is found at a lower level; empty when nothing can be.
func (l *ladder) below(level int) string {
	i := slices.Index(l.levels, level)
	if i <= 0 {
		return ""
	}
	return l.upTo(l.levels[i-1])
}

// upTo matches what is found at a level or a lower one.
func (l *ladder) upTo(level int) string {
	parts := slices.Clone(l.filter)
	for _, rungs := range l.words {
		parts = append(parts, "("+strings.Join(upTo(rungs, level), " | ")+")")
	}
	return strings.Join(parts, " & ")
}

// upTo returns the lexemes of the rungs up to a level, without those for which another stands.
func upTo(rungs []rung, level int) []string {
	there := map[string]bool{}
	for _, r := range rungs {
		there[r.lexeme] = r.level <= level
	}
	var all []string
	for _, r := range rungs {
		if r.level <= level && !there[r.within] {
			all = append(all, r.lexeme)
		}
	}
	return all
}

// vocabulary is what the words of entries say about a word of a search.
type vocabulary struct {
	word, stem, begins bool     // there is the word, one of its stem, one that it begins
	near               []string // words that it may have been meant to be, or begins
}

const knownSQL = `
select exists (select from tenon.directory_words where word = $1),
  exists (select from tenon.directory_words where stem = $2) or exists (select from tenon.directory_words where word = $2),
  exists (select from tenon.directory_words where word > $1 and word < $1 || chr(1114111)),
  array(
    select word
    from tenon.directory_words
    where neighbours && $3::text[]
      and letters between $4::int and $5::int),
  array(
    select word
    from tenon.directory_words
    where word > $1
      and word < $1 || chr(1114111)
      and letters <= $5::int)`

// known asks for all words at once.
func (s *Store) known(ctx context.Context, words []directory.Word) ([]vocabulary, error) {
	known := make([]vocabulary, len(words))
	b := &pgx.Batch{}
	for i, w := range words {
		letters := len([]rune(w.Text))
		v := &known[i]
		b.Queue(knownSQL, w.Text, w.Stem, w.Neighbours(), letters-w.Distance, letters+w.Distance).QueryRow(func(row pgx.Row) error {
			var longer []string
			err := row.Scan(&v.word, &v.stem, &v.begins, &v.near, &longer)
			v.near = append(v.near, longer...)
			return err
		})
	}
	if b.Len() == 0 {
		return nil, nil
	}
	return known, s.read.SendBatch(ctx, b).Close()
}

// rungsOf returns how w is found, by level. It asks [directory.Word.Level] for each.
func rungsOf(w directory.Word, v vocabulary) []rung {
	var rungs []rung
	add := func(t directory.Term, name, anywhere string) {
		t.Name = true
		level, ok := w.Level(t)
		if !ok {
			return
		}
		rungs = append(rungs, rung{level, name, anywhere})
		t.Name = false
		level, _ = w.Level(t)
		rungs = append(rungs, rung{level, anywhere, ""})
	}
	if v.word {
		add(directory.Term{Text: w.Text, Stem: w.Stem}, lexeme(nameWord, w.Text), lexeme(anyWord, w.Text))
	}
	if v.stem {
		add(directory.Term{Stem: w.Stem}, lexeme(nameStem, w.Stem), lexeme(anyStem, w.Stem))
	}
	if v.begins { // a word that is longer than any that is nearly complete stands for all of them
		long := w.Text + strings.Repeat("~", w.Distance+1)
		add(directory.Term{Text: long, Stem: long}, lexeme(nameWord, w.Text)+":*", lexeme(anyWord, w.Text)+":*")
	}
	for _, word := range v.near {
		if word != w.Text {
			add(directory.Term{Text: word, Stem: word + "~"}, lexeme(nameWord, word), lexeme(anyWord, word))
		}
	}
	slices.SortStableFunc(rungs, func(a, b rung) int { return a.level - b.level })
	return slices.Compact(rungs)
}
