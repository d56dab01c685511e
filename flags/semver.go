package flags

import (
	"cmp"
	"strconv"
	"strings"
)

// semver is a version as in semver.org 2.0.0, of which build metadata is dropped, since it does not count.
type semver struct {
	numbers [3]uint64
	pre     string
}

// parseSemver reads a version; a leading v and missing minor and patch numbers are let pass. It allocates nothing.
func parseSemver(s string) (v semver, ok bool) {
	s, build, built := strings.Cut(strings.TrimPrefix(s, "v"), "+")
	s, pre, early := strings.Cut(s, "-")
	if built && !validIDs(build, false) || early && !validIDs(pre, true) {
		return v, false
	}
	v.pre = pre
	for i := range v.numbers {
		part, rest, more := strings.Cut(s, ".")
		if v.numbers[i], ok = number(part); !ok || !more {
			return v, ok
		}
		s = rest
	}
	return v, false // a fourth part
}

// number reads a number without leading zeros that fits.
func number(s string) (n uint64, ok bool) {
	if s == "" || len(s) > 18 || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + uint64(s[i]-'0')
	}
	return n, true
}

// validIDs says whether s is identifiers between dots, whose numbers have no leading zeros where they are strict.
func validIDs(s string, strict bool) bool {
	for id := range strings.SplitSeq(s, ".") {
		if id == "" || strings.Trim(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-") != "" {
			return false
		}
		if strict && len(id) > 1 && id[0] == '0' && strings.Trim(id, "0123456789") == "" {
			return false
		}
	}
	return true
}

// compare orders as section 11 says: a version comes after its pre-releases, whose identifiers are compared one by one.
func (v *semver) compare(other *semver) int {
	for i := range v.numbers {
		if c := cmp.Compare(v.numbers[i], other.numbers[i]); c != 0 {
			return c
		}
	}
	switch {
	case v.pre == other.pre:
		return 0
	case v.pre == "":
		return 1
	case other.pre == "":
		return -1
	default:
		return comparePre(v.pre, other.pre)
	}
}

func comparePre(a, b string) int {
	for {
		idA, restA, moreA := strings.Cut(a, ".")
		idB, restB, moreB := strings.Cut(b, ".")
		if c := compareID(idA, idB); c != 0 {
			return c
		}
		switch {
		case !moreA && !moreB:
			return 0
		case !moreA:
			return -1
		case !moreB:
			return 1
		}
		a, b = restA, restB
	}
}

// compareID compares numbers by value, others by their bytes; a number comes before any other.
func compareID(a, b string) int {
	numA, numB := strings.Trim(a, "0123456789") == "", strings.Trim(b, "0123456789") == ""
	switch {
	case numA && numB:
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	case numA:
		return -1
	case numB:
		return 1
	default:
		return strings.Compare(a, b)
	}
}

// String returns the version without what was dropped.
func (v *semver) String() string {
	s := strconv.FormatUint(v.numbers[0], 10) + "." + strconv.FormatUint(v.numbers[1], 10) + "." + strconv.FormatUint(v.numbers[2], 10)
	if v.pre != "" {
		s += "-" + v.pre
	}
	return s
}
