package directory

import "strings"

// Stem returns what English words of the same root have in common, by Porter's second algorithm ("The English (Porter2)
// stemming algorithm", snowballstem.org). A word that is not of letters a to z alone is its own stem.
func Stem(word string) string {
	if len(word) <= 2 || strings.ContainsFunc(word, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return word
	}
	if stem, ok := irregular[word]; ok {
		return stem
	}
	s := &stemmer{w: []byte(word)}
	s.markY()
	s.regions()
	s.step1a()
	if !endings[string(s.w)] {
		s.step1b()
		s.step1c()
		s.replace(step2, s.r1)
		s.replace(step3, s.r1)
		s.replace(step4, s.r2)
		s.step5()
	}
	return strings.ToLower(string(s.w))
}

// irregular are words with a stem of their own, and those that look like another's form.
var irregular = map[string]string{
	"skis": "ski", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "idly": "idl", "gently": "gentl",
	"ugly": "ugli", "early": "earli", "only": "onli", "singly": "singl", "sky": "sky", "news": "news", "howe": "howe",
	"atlas": "atlas", "cosmos": "cosmos", "bias": "bias", "andes": "andes",
}

// endings are words that are done after the first step.
var endings = map[string]bool{
	"inning": true, "outing": true, "canning": true, "herring": true, "earring": true, "proceed": true, "exceed": true,
	"succeed": true,
}

// stemmer holds a word while it is stemmed. A y that is a consonant is written Y. The regions begin at r1 and r2.
type stemmer struct {
	w      []byte
	r1, r2 int
}

func (s *stemmer) markY() {
	for i, c := range s.w {
		if c == 'y' && (i == 0 || vowel(s.w[i-1])) {
			s.w[i] = 'Y'
		}
	}
}

// vowel says whether c is one of Porter's vowels.
func vowel(c byte) bool { return strings.IndexByte("aeiouy", c) >= 0 }

// regions finds r1, what follows the first consonant after a vowel, and r2, the same within r1.
func (s *stemmer) regions() {
	s.r1 = s.after(0)
	for _, prefix := range []string{"gener", "commun", "arsen"} {
		if strings.HasPrefix(string(s.w), prefix) {
			s.r1 = len(prefix)
		}
	}
	s.r2 = s.after(s.r1)
}

func (s *stemmer) after(from int) int {
	for i := from + 1; i < len(s.w); i++ {
		if !vowel(s.w[i]) && vowel(s.w[i-1]) {
			return i + 1
		}
	}
	return len(s.w)
}

func (s *stemmer) ends(suffix string) bool { return strings.HasSuffix(string(s.w), suffix) }

// cut takes n letters from the end and puts others there.
func (s *stemmer) cut(n int, with string) { s.w = append(s.w[:len(s.w)-n], with...) }

// hasVowel says whether there is a vowel before the last n letters.
func (s *stemmer) hasVowel(n int) bool {
	for _, c := range s.w[:len(s.w)-n] {
		if vowel(c) {
			return true
		}
	}
	return false
}

func (s *stemmer) step1a() {
	switch {
	case s.ends("sses"):
		s.cut(2, "")
	case s.ends("ied"), s.ends("ies"):
		if len(s.w) > 4 {
			s.cut(2, "")
		} else {
			s.cut(1, "")
		}
	case s.ends("us"), s.ends("ss"):
	case s.ends("s") && len(s.w) > 2 && s.hasVowel(2):
		s.cut(1, "")
	}
}

func (s *stemmer) step1b() {
	for _, suffix := range []string{"eedly", "eed"} {
		if s.ends(suffix) {
			if len(s.w)-len(suffix) >= s.r1 {
				s.cut(len(suffix), "ee")
			}
			return
		}
	}
	for _, suffix := range []string{"ingly", "edly", "ing", "ed"} {
		if s.ends(suffix) {
			if s.hasVowel(len(suffix)) {
				s.cut(len(suffix), "")
				s.mend()
			}
			return
		}
	}
}

// mend repairs a word that has lost -ed or -ing.
func (s *stemmer) mend() {
	switch {
	case s.ends("at"), s.ends("bl"), s.ends("iz"):
		s.cut(0, "e")
	case s.isDouble():
		s.cut(1, "")
	case s.r1 >= len(s.w) && s.shortAt(len(s.w)):
		s.cut(0, "e")
	}
}

func (s *stemmer) isDouble() bool {
	n := len(s.w)
	return n >= 2 && s.w[n-1] == s.w[n-2] && strings.IndexByte("bdfgmnprt", s.w[n-1]) >= 0
}

// shortAt says whether a short syllable ends at the n-th letter.
func (s *stemmer) shortAt(n int) bool {
	if n == 2 {
		return vowel(s.w[0]) && !vowel(s.w[1])
	}
	if n < 3 || vowel(s.w[n-1]) || !vowel(s.w[n-2]) || vowel(s.w[n-3]) {
		return false
	}
	return strings.IndexByte("wxY", s.w[n-1]) < 0
}

func (s *stemmer) step1c() {
	n := len(s.w)
	if n > 2 && (s.w[n-1] == 'y' || s.w[n-1] == 'Y') && !vowel(s.w[n-2]) {
		s.w[n-1] = 'i'
	}
}

// rule replaces a suffix by another, where what stands before it allows.
type rule struct {
	suffix, with string
	after        string // one of these letters stands before; empty: any
	inR2         bool
}

// Of the rules of a step the longest suffix decides, so they stand longest first.
var (
	step2 = []rule{
		{suffix: "ational", with: "ate"},
		{suffix: "fulness", with: "ful"},
		{suffix: "iveness", with: "ive"},
		{suffix: "ization", with: "ize"},
		{suffix: "ousness", with: "ous"},
		{suffix: "biliti", with: "ble"},
		{suffix: "lessli", with: "less"},
		{suffix: "tional", with: "tion"},
		{suffix: "alism", with: "al"},
		{suffix: "aliti", with: "al"},
		{suffix: "ation", with: "ate"},
		{suffix: "entli", with: "ent"},
		{suffix: "fulli", with: "ful"},
		{suffix: "iviti", with: "ive"},
		{suffix: "ousli", with: "ous"},
		{suffix: "abli", with: "able"},
		{suffix: "alli", with: "al"},
		{suffix: "anci", with: "ance"},
		{suffix: "ator", with: "ate"},
		{suffix: "enci", with: "ence"},
		{suffix: "izer", with: "ize"},
		{suffix: "bli", with: "ble"},
		{suffix: "ogi", with: "og", after: "l"},
		{suffix: "li", after: "cdeghkmnrt"},
	}
	step3 = []rule{
		{suffix: "ational", with: "ate"},
		{suffix: "tional", with: "tion"},
		{suffix: "alize", with: "al"},
		{suffix: "ative", inR2: true},
		{suffix: "icate", with: "ic"},
		{suffix: "iciti", with: "ic"},
		{suffix: "ical", with: "ic"},
		{suffix: "ness"},
		{suffix: "ful"},
	}
	step4 = []rule{
		{suffix: "ement"},
		{suffix: "able"},
		{suffix: "ance"},
		{suffix: "ence"},
		{suffix: "ible"},
		{suffix: "ment"},
		{suffix: "ant"},
		{suffix: "ate"},
		{suffix: "ent"},
		{suffix: "ion", after: "st"},
		{suffix: "ism"},
		{suffix: "iti"},
		{suffix: "ive"},
		{suffix: "ize"},
		{suffix: "ous"},
		{suffix: "al"},
		{suffix: "er"},
		{suffix: "ic"},
	}
)

// replace applies the rule of the longest suffix, when it stands in the region.
func (s *stemmer) replace(rules []rule, region int) {
	for _, r := range rules {
		if !s.ends(r.suffix) {
			continue
		}
		at := len(s.w) - len(r.suffix)
		if at >= region && (!r.inR2 || at >= s.r2) && r.follows(s.w[:at]) {
			s.cut(len(r.suffix), r.with)
		}
		return
	}
}

func (r rule) follows(before []byte) bool {
	return r.after == "" || len(before) > 0 && strings.IndexByte(r.after, before[len(before)-1]) >= 0
}

func (s *stemmer) step5() {
	n := len(s.w)
	switch {
	case s.ends("e") && (n > s.r2 || n > s.r1 && !s.shortAt(n-1)),
		s.ends("ll") && n > s.r2:
		s.cut(1, "")
	}
}
