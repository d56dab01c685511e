package directory

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/transbotai/tenon/bench/lab"
)

// words is a dictionary.
type words struct {
	list   []string
	origin string
}

// listPath is where Debian's packages put their word lists; make installs wamerican where it is missing.
const listPath = "/usr/share/dict/american-english"

const (
	shortest = 4 // letters; shorter words are not searched with errors
	fewest   = 50_000
)

// dictionary reads Debian's list of American words: those of 4 letters and more, in lower case and without apostrophes.
// A quick run without it makes words up.
func dictionary(l *lab.Lab) (*words, error) {
	f, err := os.Open(listPath)
	if err != nil && l.Quick {
		return madeUp(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: install the word list: apt-get install wamerican", err)
	}
	defer f.Close()
	d := &words{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		w := lines.Text()
		if len(w) >= shortest && strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") == "" {
			d.list = append(d.list, w)
		}
	}
	if len(d.list) < fewest {
		return nil, fmt.Errorf("%s has %d words, and %d are wanted", listPath, len(d.list), fewest)
	}
	d.origin = fmt.Sprintf("the %d of Debian's wamerican with 4 letters or more, in lower case", len(d.list))
	return d, nil
}

// madeUp returns words of syllables.
func madeUp() *words {
	rng := rand.New(rand.NewPCG(5, 6))
	seen := map[string]bool{}
	d := &words{origin: "made up, since no list is installed"}
	for len(d.list) < fewest {
		w := ""
		for range 2 + rng.IntN(4) {
			w += string("bcdfghklmnprstvwz"[rng.IntN(17)]) + string("aeiou"[rng.IntN(5)])
		}
		if !seen[w] {
			seen[w] = true
			d.list = append(d.list, w)
		}
	}
	return d
}

// misspell puts so many errors into a word, each by chance: a letter left out, put in, replaced or swapped with the
// next, at any place and any letter alike. The result differs from the word.
func misspell(rng *rand.Rand, word string, errors int) string {
	w := word
	for w == word {
		for range errors {
			w = oneError(rng, w)
		}
	}
	return w
}

func oneError(rng *rand.Rand, w string) string {
	i, letter := rng.IntN(len(w)), string(rune('a'+rng.IntN(26)))
	switch rng.IntN(4) {
	case 0:
		return w[:i] + w[i+1:]
	case 1:
		return w[:i] + letter + w[i:]
	case 2:
		return w[:i] + letter + w[i+1:]
	}
	if i+1 == len(w) {
		i--
	}
	return w[:i] + w[i+1:i+2] + w[i:i+1] + w[i+2:]
}
