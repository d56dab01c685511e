package gdprpg

import (
	"encoding/hex"
	"encoding/json"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The shortest value that is looked for, and the shortest that is looked for inside of words, in characters.
const (
	shortest   = 4
	insideWord = 8
)

// matcher finds any of many values in a text in one pass, whatever their case (Aho and Corasick, 1975).
type matcher struct {
	nodes  []node
	values int
	short  int // values that are too short to mean anybody
}

// node is a beginning of values.
type node struct {
	next map[byte]int32
	fail int32 // the longest end of this beginning that begins a value too
	ends int32 // length of the longest value that ends here, in bytes; 0: none
	word bool  // that it counts only as a word of its own
}

func newMatcher(values []string) *matcher {
	m := &matcher{nodes: []node{{}}}
	for _, value := range normalized(values) {
		if utf8.RuneCountInString(value) < shortest {
			m.short++
			continue
		}
		m.values++
		m.add(value)
		if quoted := inQuotes(value); quoted != value {
			m.add(quoted)
		}
	}
	m.link()
	return m
}

// normalized returns the values without case, blanks around them and doubles.
func normalized(values []string) []string {
	all := make([]string, 0, len(values))
	for _, value := range values {
		if value = strings.ToLower(strings.TrimSpace(value)); value != "" {
			all = append(all, value)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// inQuotes returns value as it stands in the text of json and of an array.
func inQuotes(value string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return value
	}
	return strings.Trim(strings.TrimSuffix(b.String(), "\n"), `"`)
}

func (m *matcher) add(value string) {
	at := int32(0)
	for i := range len(value) {
		next, ok := m.nodes[at].next[value[i]]
		if !ok {
			next = int32(len(m.nodes))
			m.nodes = append(m.nodes, node{})
			if m.nodes[at].next == nil {
				m.nodes[at].next = map[byte]int32{}
			}
			m.nodes[at].next[value[i]] = next
		}
		at = next
	}
	m.nodes[at].ends = int32(len(value))
	m.nodes[at].word = utf8.RuneCountInString(value) < insideWord
}

// link finds where to go on when a beginning does not go on, breadth first.
func (m *matcher) link() {
	queue := []int32{0}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for c, next := range m.nodes[at].next {
			if at != 0 {
				m.nodes[next].fail = m.step(m.nodes[at].fail, c)
			}
			queue = append(queue, next)
		}
	}
}

func (m *matcher) step(at int32, c byte) int32 {
	for {
		if next, ok := m.nodes[at].next[c]; ok {
			return next
		}
		if at == 0 {
			return 0
		}
		at = m.nodes[at].fail
	}
}

// anywhere says whether a cell holds a value: as it is, as json escapes it, or as xml does. Bytes come in hexadecimal.
func (m *matcher) anywhere(cell string, inHex bool) bool {
	if inHex {
		body, err := hex.DecodeString(cell)
		if err != nil {
			return false
		}
		cell = string(body)
	}
	return m.in(cell) ||
		strings.Contains(cell, `\u`) && m.in(escaped.ReplaceAllStringFunc(cell, unescape)) ||
		strings.Contains(cell, `\/`) && m.in(strings.ReplaceAll(cell, `\/`, "/")) ||
		strings.Contains(cell, "&") && m.in(html.UnescapeString(cell))
}

var escaped = regexp.MustCompile(`(?:\\u[0-9a-fA-F]{4})+`)

// unescape returns what a run of json's \u0000 stands for.
func unescape(run string) string {
	var text string
	if json.Unmarshal([]byte(`"`+run+`"`), &text) != nil {
		return run
	}
	return text
}

// in says whether text holds a value.
func (m *matcher) in(text string) bool {
	if m.values == 0 {
		return false
	}
	text = strings.ToLower(text)
	at := int32(0)
	for i := range len(text) {
		at = m.step(at, text[i])
		for end := at; end != 0; end = m.nodes[end].fail {
			n := &m.nodes[end]
			if n.ends > 0 && (!n.word || alone(text, i+1-int(n.ends), i+1)) {
				return true
			}
		}
	}
	return false
}

// alone says whether text[from:to] has no letter or digit beside it. Scripts that write no blanks between words have no
// words of their own.
func alone(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	part := func(r rune) bool {
		return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) &&
			!unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai)
	}
	return !part(before) && !part(after)
}
