package directory

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// folded maps a letter in lower case to what it is searched as.
var folded = func() map[rune]string {
	m := map[rune]string{}
	for plain, letters := range accents {
		for _, r := range letters {
			m[r] = plain
		}
	}
	return m
}()

// token is a word of a text: as it is searched, and the bytes of the text in which it stands.
type token struct {
	text     string
	from, to int
}

// longest bounds a token, in letters; what is longer is cut, so that it is found by how it begins.
const longest = 40

// tokens returns the words of a text as they are searched.
func tokens(text string) []string {
	var words []string
	for _, t := range tokenize(text) {
		words = append(words, t.text)
	}
	return words
}

// tokenize splits a text into words of letters and digits, folded. An apostrophe within a word joins it ("O'Neill" is
// "oneill"), and what stands after it is left out where that is an s alone ("carrier's" is "carrier").
func tokenize(text string) []token {
	var all []token
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if !inWord(r) {
			i += size
			continue
		}
		t := word(text, i)
		if t.text != "" {
			all = append(all, t)
		}
		i = t.to
	}
	return all
}

// word reads the word that begins at a byte.
func word(text string, from int) token {
	var b strings.Builder
	letters, i := 0, from
	for i < len(text) {
		r, size := utf8.DecodeRuneInString(text[i:])
		if isApostrophe(r) && !joins(text[i+size:]) || !isApostrophe(r) && !inWord(r) && !isPoint(r) {
			break
		}
		if i += size; inWord(r) && letters < longest {
			letters++
			fold(&b, r)
		}
	}
	t := token{b.String(), from, i}
	if rest := text[i:]; strings.HasPrefix(rest, "'s") || strings.HasPrefix(rest, "'S") {
		t.to += 2
	} else if strings.HasPrefix(rest, "’s") || strings.HasPrefix(rest, "’S") {
		t.to += len("’s")
	}
	return t
}

// joins says whether what follows an apostrophe goes on with the word: letters, and not an s alone.
func joins(rest string) bool {
	first, size := utf8.DecodeRuneInString(rest)
	second, _ := utf8.DecodeRuneInString(rest[size:])
	return inWord(first) && (first != 's' && first != 'S' || size < len(rest) && inWord(second))
}

func isApostrophe(r rune) bool { return r == '\'' || r == '’' }

func inWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) && !isPoint(r)
}

// isPoint says whether r is a mark that people leave out when they search: accents that stand by themselves, the points
// of Hebrew, the vowels and the stretching of Arabic.
func isPoint(r rune) bool {
	return r >= 0x0300 && r <= 0x036F || r >= 0x0591 && r <= 0x05C7 || r >= 0x064B && r <= 0x065F || r == 0x0670
}

const tatweel = 'ـ'

// fold writes a letter as it is searched.
func fold(b *strings.Builder, r rune) {
	if r == tatweel {
		return
	}
	r = unicode.ToLower(r)
	if plain, ok := folded[r]; ok {
		b.WriteString(plain)
		return
	}
	b.WriteRune(r)
}
