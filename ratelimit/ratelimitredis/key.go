package ratelimitredis

import (
	"strings"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/ratelimit"
)

// tag returns the hash tag of a key, with its braces: what Redis Cluster hashes, so that all limits of a key lie in one
// slot and one script may touch them together.
func tag(k ratelimit.Key) string { return "{" + escape(k.Tenant) + "/" + escape(k.Name) + "}" }

// escape makes s safe within a hash tag, and within a pattern of SCAN: what has a meaning there is written as %xx.
func escape(s string) string {
	n := 0
	for i := range len(s) {
		if special(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	const hex = "0123456789abcdef"
	var b strings.Builder
	b.Grow(len(s) + 2*n)
	for i := range len(s) {
		if special(s[i]) {
			b.WriteByte('%')
			b.WriteByte(hex[s[i]>>4])
			b.WriteByte(hex[s[i]&15])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func special(c byte) bool {
	switch c {
	case '%', '/', '{', '}', '*', '?', '[', ']', '\\', '^':
		return true
	}
	return c < ' '
}

// pattern matches the Redis keys of a subject, for SCAN.
func (s *Store) pattern(subject tenon.Subject) string {
	name := "*"
	if subject.User != "" {
		name = escape(subject.User) + "}*"
	}
	return s.options.Prefix + "{" + escape(subject.Tenant) + "/" + name
}
