package growth

import (
	"net/mail"
	"strings"

	"github.com/transbotai/tenon"
)

// The bounds of an address in bytes (RFC 5321, section 4.5.3.1).
const (
	maxAddress = 254
	maxLocal   = 64
	maxLabel   = 63
)

// ParseAddress returns an e-mail address as it is kept: without spaces around it and with its domain in lower case. What
// stands before the @ is kept as it was typed, since the receiver's server may tell cases apart; two addresses that
// differ in nothing but case are still one lead. Dots and what follows a plus are left alone: what they mean is the
// receiver's to say.
//
// An address is plain ASCII, has a domain with a dot, and nothing beside it: no name, quotes or comments. A domain in
// other letters is given in its xn-- form. Else it is a [tenon.FieldError].
func ParseAddress(s string) (string, error) {
	s = strings.Trim(s, " ")
	if len(s) > maxAddress {
		return "", tenon.Invalid("email", "is longer than %d bytes", maxAddress)
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return "", tenon.Invalid("email", "holds what is no visible ASCII character; write a domain in its xn-- form")
		}
	}
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Name != "" || parsed.Address != s {
		return "", errAddress
	}
	at := strings.LastIndexByte(s, '@')
	local, domain := s[:at], strings.ToLower(s[at+1:])
	if len(local) > maxLocal || !isDomain(domain) {
		return "", errAddress
	}
	return local + "@" + domain, nil
}

// Mailbox returns the address without what follows a plus in it, which many servers deliver to the same mailbox: what
// limits how often somebody is written to is counted by it. Leads are not: they are who they say they are.
func Mailbox(address string) string {
	at := strings.LastIndexByte(address, '@')
	if plus := strings.IndexByte(address, '+'); plus > 0 && plus < at {
		return address[:plus] + address[at:]
	}
	return address
}

var errAddress = tenon.Invalid("email", "is not an address")

// isDomain says whether s is a name of hosts with two labels or more (RFC 1123, section 2.1), and no number of one.
func isDomain(s string) bool {
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return len(labels) > 1 && strings.Trim(labels[len(labels)-1], "0123456789") != ""
}
