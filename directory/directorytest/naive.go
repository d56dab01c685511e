package directorytest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/conform"
)

// vocabulary is words that are near each other, so that random searches find something.
var vocabulary = strings.Fields(`cargo cargos carga carrier carriers carry freight freights fright frieght logistics
	logistic logistician transport transports transporter transporting express expresses expert haul hauler hauling haulers
	ocean oceanic air airline rail railway northern southern eastern western warehouse warehouses warehousing`)

// reading is how a naive reader understands a partner: plain words, each an exact text.
type reading struct {
	name, description []string
	profile           directory.Profile
}

// random asks the store random searches over random partners and compares what it finds, bucket by bucket.
func (r *rig) random(partners, searches int) {
	r.t.Helper()
	rng := rand.New(rand.NewPCG(7, 11))
	some := func(n int) []string {
		var all []string
		for range n {
			all = append(all, vocabulary[rng.IntN(len(vocabulary))])
		}
		return all
	}
	var all []reading
	for i := range partners {
		one := reading{name: append(some(1+rng.IntN(2)), fmt.Sprint("no", i)), description: some(rng.IntN(4))}
		one.profile = directory.Profile{
			Name: strings.Join(one.name, " "), Description: strings.Join(one.description, ", "), Public: rng.IntN(8) > 0,
			Services: []string{fmt.Sprint("s", rng.IntN(3)), "all"}, Regions: []string{fmt.Sprint("r", rng.IntN(3))},
		}
		r.list("acme", one.profile)
		all = append(all, one)
	}
	for range searches {
		s := directory.Search{Limit: 100}
		for _, w := range some(rng.IntN(3)) {
			s.Text += " " + mangle(rng, w)
		}
		if rng.IntN(3) == 0 {
			s.Services = []string{fmt.Sprint("s", rng.IntN(4))}
		}
		if rng.IntN(3) == 0 {
			s.Regions = []string{fmt.Sprint("r", rng.IntN(3))}
		}
		r.compare(s, all)
	}
}

// mangle leaves a word as it is, cuts it, or puts up to two errors in.
func mangle(rng *rand.Rand, w string) string {
	if rng.IntN(3) == 0 {
		return w[:1+rng.IntN(len(w))]
	}
	for range rng.IntN(3) {
		i := rng.IntN(len(w) - 1)
		switch rng.IntN(4) {
		case 0:
			w = w[:i] + w[i+1:]
		case 1:
			w = w[:i] + string(rune('a'+rng.IntN(26))) + w[i:]
		case 2:
			w = w[:i] + string(rune('a'+rng.IntN(26))) + w[i+1:]
		case 3:
			w = w[:i] + w[i+1:i+2] + w[i:i+1] + w[i+2:]
		}
	}
	return w
}

// compare fails unless the store finds what a naive reading finds, exact before prefix before misspelt.
func (r *rig) compare(s directory.Search, all []reading) {
	r.t.Helper()
	want := map[string]int{}
	for _, one := range all {
		if bucket, ok := one.answers(s); ok {
			want[one.profile.Name] = bucket
		}
	}
	got := map[string]int{}
	last := 0
	for _, name := range names(r.search(s)) {
		got[name] = want[name]
		if want[name] < last {
			r.t.Fatalf("%q: %s comes too late", s.Text, name)
		}
		last = want[name]
	}
	conform.Equal(r.t, fmt.Sprintf("found by %+v", s), got, want)
}

// answers says in which bucket a partner answers: 0 exact, 1 prefix, 2 misspelt.
func (one reading) answers(s directory.Search) (bucket int, ok bool) {
	for _, service := range s.Services {
		if !slices.Contains(one.profile.Services, service) {
			return 0, false
		}
	}
	for _, region := range s.Regions {
		if !slices.Contains(one.profile.Regions, region) {
			return 0, false
		}
	}
	for asked := range strings.FieldsSeq(s.Text) {
		best := 3
		for _, w := range slices.Concat(one.name, one.description) {
			best = min(best, naiveBucket(asked, w))
		}
		bucket = max(bucket, best)
	}
	return bucket, bucket < 3 && one.profile.Public
}

func naiveBucket(asked, word string) int {
	most := 0
	if len(asked) >= 4 && !strings.ContainsAny(asked, "0123456789") {
		most = 1
	}
	if most == 1 && len(asked) >= 8 {
		most = 2
	}
	switch {
	case asked == word || directory.Stem(asked) == directory.Stem(word):
		return 0
	case len(asked) >= 2 && strings.HasPrefix(word, asked):
		return 1
	case within(asked, word, most):
		return 2
	}
	return 3
}

// within says whether a can be made b by so many single edits, by trying them all.
func within(a, b string, edits int) bool {
	for a != "" && b != "" && a[0] == b[0] {
		if edits > 0 && trySwap(a, b, edits) {
			return true
		}
		if edits > 0 && (within(a[1:], b, edits-1) || within(a, b[1:], edits-1)) {
			return true
		}
		a, b = a[1:], b[1:]
	}
	switch {
	case a == "" || b == "":
		return len(a)+len(b) <= edits
	case edits == 0:
		return false
	}
	return within(a[1:], b[1:], edits-1) || within(a[1:], b, edits-1) || within(a, b[1:], edits-1) || trySwap(a, b, edits)
}

func trySwap(a, b string, edits int) bool {
	return len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] && within(a[2:], b[2:], edits-1)
}
