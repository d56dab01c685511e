package migrations

import (
	"fmt"
	"strings"
)

// statement is one SQL statement of a file, without its semicolon.
type statement struct {
	text string
	line int // the line of the file on which it begins, counted from 1
}

// split cuts a file into its statements. A semicolon ends a statement unless it stands inside quotes, dollar quotes, a
// comment, parentheses, or a body of the form "begin atomic … end". Strings are read as with
// standard_conforming_strings on, which is the default.
func split(sql string) ([]statement, error) {
	s := splitter{sql: sql, start: -1}
	for s.pos < len(s.sql) {
		if err := s.step(); err != nil {
			return nil, err
		}
	}
	s.end(len(sql))
	return s.out, nil
}

// blanks are what Postgres takes for white space; a no-break space is a letter to it.
const blanks = " \t\r\n\f\v"

type splitter struct {
	sql   string
	pos   int
	start int // where the statement begins, -1 before its first token
	paren int
	body  int      // depth of "begin atomic" and the "case" in it
	words []string // the first words of the statement, lower case
	last  string   // the word before this one
	out   []statement
}

// step reads one token.
func (s *splitter) step() error {
	rest := s.sql[s.pos:]
	c := rest[0]
	switch {
	case strings.HasPrefix(rest, "--"):
		s.pos += lineEnd(rest)
		return nil
	case strings.HasPrefix(rest, "/*"):
		return s.skip(blockComment(rest), "comment")
	case strings.IndexByte(blanks, c) >= 0:
		s.pos++
		return nil
	case c == ';' && s.paren == 0 && s.body == 0:
		s.end(s.pos)
		s.pos++
		return nil
	}
	if s.start < 0 {
		s.start = s.pos
	}
	return s.token(rest, c)
}

func (s *splitter) token(rest string, c byte) error {
	switch {
	case c == '\'':
		return s.skip(quoted(rest, '\'', false), "string")
	case c == '"':
		return s.skip(quoted(rest, '"', false), "quoted name")
	case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"):
		n := quoted(rest[1:], '\'', true)
		if n > 0 {
			n++
		}
		return s.skip(n, "string")
	case c == '$':
		if tag := dollarTag(rest); tag != "" {
			return s.skip(dollarQuoted(rest, tag), "dollar quote "+tag)
		}
	case isLetter(c):
		n := wordLen(rest)
		s.word(strings.ToLower(rest[:n]))
		s.pos += n
		return nil
	case isDigit(c): // with what follows, so that 1e'' or 1$a$ does not open a quote
		s.pos += numberLen(rest)
		return nil
	case c == '(':
		s.paren++
	case c == ')':
		s.paren = max(0, s.paren-1)
	}
	s.pos++
	return nil
}

// word follows "create function … begin atomic … end": inside it semicolons belong to the body, and "case" ends with
// "end" too.
func (s *splitter) word(w string) {
	switch {
	case s.body == 0 && w == "atomic" && s.last == "begin" && s.createsRoutine():
		s.body = 1
	case s.body > 0 && w == "case":
		s.body++
	case s.body > 0 && w == "end":
		s.body--
	}
	if len(s.words) < 4 {
		s.words = append(s.words, w)
	}
	s.last = w
}

func (s *splitter) createsRoutine() bool {
	if len(s.words) == 0 || s.words[0] != "create" {
		return false
	}
	kind := s.words[1:]
	if len(kind) > 2 && kind[0] == "or" && kind[1] == "replace" {
		kind = kind[2:]
	}
	return len(kind) > 0 && (kind[0] == "function" || kind[0] == "procedure")
}

func (s *splitter) skip(n int, what string) error {
	if n < 0 {
		return fmt.Errorf("line %d: %s without an end", s.lineOf(s.pos), what)
	}
	s.pos += n
	return nil
}

func (s *splitter) end(at int) {
	if s.start >= 0 {
		text := strings.Trim(s.sql[s.start:at], blanks)
		s.out = append(s.out, statement{text: text, line: s.lineOf(s.start)})
	}
	s.start, s.paren, s.body, s.words, s.last = -1, 0, 0, nil, ""
}

func (s *splitter) lineOf(pos int) int { return 1 + strings.Count(s.sql[:pos], "\n") }

func lineEnd(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

// blockComment returns the length of the comment that s begins with, or -1. Comments nest.
func blockComment(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(s[i:], "*/"):
			depth--
			i++
		}
		if depth == 0 {
			return i + 1
		}
	}
	return -1
}

// quoted returns the length of the string or name that s begins with, or -1. A doubled quote is read as an end and a
// new beginning, which comes to the same.
func quoted(s string, quote byte, backslash bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case backslash && s[i] == '\\':
			i++
		case s[i] == quote && backslash && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return -1
}

// dollarTag returns the opening of the dollar quote that s begins with, or "" when it begins with a parameter or a
// stray dollar.
func dollarTag(s string) string {
	n := 1
	for n < len(s) && s[n] != '$' && (isLetter(s[n]) || n > 1 && isDigit(s[n])) {
		n++
	}
	if n < len(s) && s[n] == '$' {
		return s[:n+1]
	}
	return ""
}

func dollarQuoted(s, tag string) int {
	i := strings.Index(s[len(tag):], tag)
	if i < 0 {
		return -1
	}
	return i + 2*len(tag)
}

func wordLen(s string) int {
	n := 1
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n]) || s[n] == '$') {
		n++
	}
	return n
}

func numberLen(s string) int {
	n := 1
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
		n++
	}
	return n
}

func isLetter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// firstWord returns the first word of a statement in lower case.
func firstWord(text string) string {
	if text == "" || !isLetter(text[0]) {
		return ""
	}
	return strings.ToLower(text[:wordLen(text)])
}
