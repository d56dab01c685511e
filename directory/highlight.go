package directory

import (
	"html"
	"strings"
	"unicode/utf8"
)

// result is what the public sees of e in answer to q.
func (q *Query) result(e Entry) Result {
	return Result{
		ID: e.ID, Name: e.Name, Description: e.Description,
		Services: append([]string{}, e.Services...), Regions: append([]string{}, e.Regions...),
		Verified: e.Verified(), FreshAt: e.FreshAt,
		NameHTML: q.marked(e.Name, e.Language), SnippetHTML: q.snippet(e.Description, e.Language),
	}
}

// marked escapes text for HTML and marks what the words of q find in it.
func (q *Query) marked(text, language string) string {
	if len(q.Words) == 0 {
		return html.EscapeString(text)
	}
	var b strings.Builder
	at := 0
	for _, t := range tokenize(text) {
		if !q.finds(t.text, language) {
			continue
		}
		b.WriteString(html.EscapeString(text[at:t.from]))
		b.WriteString("<mark>" + html.EscapeString(text[t.from:t.to]) + "</mark>")
		at = t.to
	}
	b.WriteString(html.EscapeString(text[at:]))
	return b.String()
}

func (q *Query) finds(text, language string) bool {
	term := Term{Text: text, Stem: stemIn(text, language)}
	for _, w := range q.Words {
		if _, ok := w.near(term); ok {
			return true
		}
	}
	return false
}

const (
	snippetLength = 240 // bytes, about
	snippetBefore = 60  // of them before what is found
)

// snippet is the part of a long description around the first word that q finds, marked.
func (q *Query) snippet(text, language string) string {
	if len(text) <= snippetLength {
		return q.marked(text, language)
	}
	from := boundary(text, max(q.first(text, language)-snippetBefore, 0))
	to := boundary(text, min(from+snippetLength, len(text)))
	res := q.marked(text[from:to], language)
	if from > 0 {
		res = "… " + res
	}
	if to < len(text) {
		res += " …"
	}
	return res
}

// first returns where the first word stands that q finds; 0 when there is none.
func (q *Query) first(text, language string) int {
	if len(q.Words) == 0 {
		return 0
	}
	for _, t := range tokenize(text) {
		if q.finds(t.text, language) {
			return t.from
		}
	}
	return 0
}

// boundary returns where a word begins or ends, at i or a little later.
func boundary(text string, i int) int {
	for n := 0; i > 0 && i < len(text) && n < 40; n++ {
		r, size := utf8.DecodeRuneInString(text[i:])
		if !inWord(r) && !isPoint(r) && r != utf8.RuneError {
			break
		}
		i += size
	}
	return i
}
