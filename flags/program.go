package flags

import (
	"math"
	"net/netip"
	"regexp"
	"strings"
	"time"
)

// program is a condition as a list of tests, each of which says where to go on. It begins at its last test: a test is
// laid down after those that it leads to.
type program []test

// test is one comparison. Yes and no are the index of the next test, or passed or failed.
type test struct {
	attr    string
	op      opcode
	special bool // attr is the tenant, or the test is a segment
	yes, no int32
	text    string
	num     float64
	more    *operand
}

// operand is what few tests need.
type operand struct {
	texts   []string
	many    map[string]struct{} // of texts, where they are many
	numbers []float64
	truths  [2]bool // whether false and true are among the values
	pattern *regexp.Regexp
	nets    []netip.Prefix
	version semver
	segment *segment
}

const (
	passed = -1
	failed = -2
)

type opcode uint8

const (
	opText opcode = iota // equal to one text
	opNumber
	opTruth
	opIn
	opExists
	opLess
	opAtMost
	opGreater
	opAtLeast
	opDateLess
	opDateAtMost
	opDateGreater
	opDateAtLeast
	opVersionEqual
	opVersionLess
	opVersionAtMost
	opVersionGreater
	opVersionAtLeast
	opPrefix
	opSuffix
	opContains
	opMatches
	opCIDR
	opSegment
)

// matches says whether w meets the condition.
func (p program) matches(w *Who) bool {
	at := int32(len(p) - 1)
	for at >= 0 {
		t := &p[at]
		if t.holds(w) {
			at = t.yes
		} else {
			at = t.no
		}
	}
	return at == passed
}

func (t *test) holds(w *Who) bool {
	if t.special {
		return t.holdsSpecial(w)
	}
	a := w.find(t.attr)
	switch {
	case a == nil:
		return false
	case t.op == opText: // the most frequent, without a call
		return a.kind == attrText && a.text == t.text
	default:
		return t.compare(a)
	}
}

func (t *test) holdsSpecial(w *Who) bool {
	if t.op == opSegment {
		return t.more.segment.program.matches(w)
	}
	return w.Tenant != "" && t.compare(&Attr{text: w.Tenant, kind: attrText})
}

func (t *test) compare(a *Attr) bool {
	switch t.op {
	case opText:
		return a.kind == attrText && a.text == t.text
	case opNumber:
		return a.kind == attrNumber && a.num == t.num
	case opTruth:
		return a.kind == attrTruth && a.num == t.num
	case opLess:
		return a.kind == attrNumber && a.num < t.num
	case opAtMost:
		return a.kind == attrNumber && a.num <= t.num
	case opGreater:
		return a.kind == attrNumber && a.num > t.num
	case opAtLeast:
		return a.kind == attrNumber && a.num >= t.num
	case opIn:
		return t.more.has(a)
	case opExists:
		return a.kind != attrNone
	default:
		return t.compareMore(a)
	}
}

// few is up to how many texts are looked through one by one, which is faster than a map.
const few = 8

// has says whether a's value is among the operand's.
func (o *operand) has(a *Attr) bool {
	switch a.kind {
	case attrText:
		return o.hasText(a.text)
	case attrNumber:
		for _, n := range o.numbers {
			if n == a.num {
				return true
			}
		}
		return false
	case attrTruth:
		return o.truths[int(a.num)]
	default:
		return false
	}
}

func (o *operand) hasText(text string) bool {
	if o.many != nil {
		_, ok := o.many[text]
		return ok
	}
	for _, t := range o.texts {
		if t == text {
			return true
		}
	}
	return false
}

func (t *test) compareMore(a *Attr) bool {
	switch {
	case t.op <= opDateAtLeast:
		at, ok := a.instant()
		return ok && ordered(t.op-opDateLess, at-t.num)
	case a.kind != attrText:
		return false
	case t.op == opVersionEqual:
		v, ok := parseSemver(a.text)
		return ok && v.compare(&t.more.version) == 0
	case t.op <= opVersionAtLeast:
		v, ok := parseSemver(a.text)
		return ok && ordered(t.op-opVersionLess, float64(v.compare(&t.more.version)))
	default:
		return t.compareText(a.text)
	}
}

// ordered says whether a difference is below 0, at most 0, above 0 or at least 0.
func ordered(op opcode, difference float64) bool {
	switch op {
	case 0:
		return difference < 0
	case 1:
		return difference <= 0
	case 2:
		return difference > 0
	default:
		return difference >= 0
	}
}

func (t *test) compareText(text string) bool {
	switch t.op {
	case opPrefix:
		return t.more.some(text, strings.HasPrefix)
	case opSuffix:
		return t.more.some(text, strings.HasSuffix)
	case opContains:
		return t.more.some(text, strings.Contains)
	case opMatches:
		return t.more.pattern.MatchString(text)
	default:
		return t.more.within(text)
	}
}

func (o *operand) some(text string, is func(text, part string) bool) bool {
	for _, part := range o.texts {
		if is(text, part) {
			return true
		}
	}
	return false
}

// within says whether the address lies in one of the networks. An IPv4 address in IPv6 form is the IPv4 address.
func (o *operand) within(text string) bool {
	if len(text) > 64 {
		return false // no address, and the error would hold a copy
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for _, n := range o.nets {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}

// instant returns the attribute's instant in microseconds since 1970.
func (a *Attr) instant() (float64, bool) {
	switch a.kind {
	case attrTime:
		return a.num, true
	case attrText:
		return parseInstant(a.text)
	default:
		return 0, false
	}
}

func parseInstant(text string) (float64, bool) {
	layout := time.RFC3339
	switch {
	case len(text) == len(time.DateOnly):
		layout = time.DateOnly
	case len(text) > 40:
		return math.NaN(), false
	}
	at, err := time.Parse(layout, text)
	return micros(at), err == nil
}
