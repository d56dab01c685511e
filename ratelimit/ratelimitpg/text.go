package ratelimitpg

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// text returns s as Postgres can keep it, which takes neither a zero byte nor what is not UTF-8: a key may come from
// outside, and one that is refused would fail the calls of others in its batch. Different strings stay different.
func text(s string) string {
	if utf8.ValidString(s) && !strings.ContainsAny(s, "\x00\\") {
		return s
	}
	var b strings.Builder
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == 0, r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}
