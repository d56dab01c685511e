package flags_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/flags"
)

func TestTheHashIsMurmur3(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]uint32{
		"ejOoVL": 0x00000000, "bY9fO-": 0x00000001, "SI7p-": 0x7fffffff, "6LvT0": 0x80000000, "ceQdGm": 0xffffffff,
	} {
		require.Equal(t, want, flags.Hash("", key), key)
	}
}

// reference is the algorithm as SMHasher states it, over the whole text at once.
func reference(text string) uint32 {
	var h uint32
	mix := func(k uint32) uint32 {
		k *= 0xcc9e2d51
		k = k<<15 | k>>17
		return k * 0x1b873593
	}
	b := []byte(text)
	for ; len(b) >= 4; b = b[4:] {
		h ^= mix(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
		h = h<<13 | h>>19
		h = h*5 + 0xe6546b64
	}
	var k uint32
	for i := len(b) - 1; i >= 0; i-- {
		k = k<<8 | uint32(b[i])
	}
	h ^= mix(k)
	h ^= uint32(len(text))
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}

func TestASaltGoesBeforeTheKey(t *testing.T) {
	t.Parallel()
	for salt := range 9 {
		for key := range 14 {
			s, k := strings.Repeat("sålt-", 3)[:salt], "tenant-\xff00123"[:key]
			want := reference(s + "/" + k)
			if s == "" {
				want = reference(k)
			}
			require.Equal(t, want, flags.Hash(s, k), "%q %q", s, k)
		}
	}
}

func FuzzHash(f *testing.F) {
	f.Add("salt", "tenant")
	f.Fuzz(func(t *testing.T, salt, key string) {
		want := reference(salt + "/" + key)
		if salt == "" {
			want = reference(key)
		}
		require.Equal(t, want, flags.Hash(salt, key))
	})
}

func TestBucketsAtTheEdgesOfTheHash(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ hash, width, want uint32 }{
		{0, 100, 0},
		{1, 100, 0},
		{0x7fffffff, 100, 49},
		{0x80000000, 100, 50},
		{0xffffffff, 100, 99},
		{0xffffffff, math.MaxUint32, math.MaxUint32 - 1},
		{0xffffffff, 1, 0},
	} {
		require.Equal(t, c.want, flags.Bucket(c.hash, c.width), "%#x of %d", c.hash, c.width)
	}
}

// The file must never change: a tenant that was in a cohort would be out of it.
func TestCohortsNestForEver(t *testing.T) {
	t.Parallel()
	set := load(t)
	var text strings.Builder
	in := map[string]float64{} // the least percentage at which a tenant is in
	for _, percent := range []float64{0, 0.1, 1, 5, 10, 50, 99.9, 100} {
		d := flags.Definition{Key: "cohorts", Type: flags.TypeBool, Rollout: &flags.Rollout{Percent: percent}}
		if have, err := set.Flag("cohorts"); err == nil {
			d.Version = have.Version
		}
		_, err := set.Put(t.Context(), d, "")
		require.NoError(t, err)
		for _, tenant := range tenants(2000) {
			on := set.Evaluate("cohorts", &flags.Who{Tenant: tenant}).Value == true
			_, before := in[tenant]
			require.False(t, before && !on, "%s was in at %g %% and is out at %g %%", tenant, in[tenant], percent)
			if on && !before {
				in[tenant] = percent
			}
		}
	}
	require.Len(t, in, 2000)
	for _, tenant := range tenants(2000)[:200] {
		fmt.Fprintf(&text, "%s %g\n", tenant, in[tenant])
	}
	golden(t, "cohorts.golden", text.String())
}

func TestCohortsHaveTheirShare(t *testing.T) {
	t.Parallel()
	all := tenants(100_000)
	set := load(t,
		`{"key":"a","type":"bool","rollout":{"percent":10}}`,
		`{"key":"b","type":"bool","rollout":{"percent":10}}`,
		`{"key":"c","type":"bool","rollout":{"percent":0.1}}`,
		`{"key":"d","type":"bool","salt":"together","rollout":{"percent":10}}`,
		`{"key":"e","type":"bool","salt":"together","rollout":{"percent":20}}`,
	)
	require.InDelta(t, 10_000, share(set, "a", all), 300)
	require.InDelta(t, 100, share(set, "c", all), 30)
	both, apart := 0, 0
	for _, tenant := range all {
		w := &flags.Who{Tenant: tenant}
		if set.Evaluate("a", w).Value == true && set.Evaluate("b", w).Value == true {
			both++
		}
		if set.Evaluate("d", w).Value == true && set.Evaluate("e", w).Value != true {
			apart++
		}
	}
	require.InDelta(t, 1000, both, 100, "two flags at 10 %% overlap in about 1 %%")
	require.Zero(t, apart, "flags that share a salt move together")
}

// chiSquare sums (observed - expected)² / expected.
func chiSquare(observed []int, expected []float64) float64 {
	sum := 0.0
	for i, o := range observed {
		d := float64(o) - expected[i]
		sum += d * d / expected[i]
	}
	return sum
}

func TestBucketsAreUniform(t *testing.T) {
	t.Parallel()
	const n, buckets = 100_000, 100
	for _, salt := range []string{"bulk_rating", "rates", "directory/variant", "x"} {
		observed, expected := make([]int, buckets), make([]float64, buckets)
		for i, tenant := range tenants(n) {
			observed[flags.Bucket(flags.Hash(salt, tenant), buckets)]++
			expected[i%buckets]++
		}
		// 99 degrees of freedom: 99.9 % of samples lie below 148.2.
		require.Less(t, chiSquare(observed, expected), 148.2, salt)
	}
}

func TestFlagsOfOneVariantSaltSplitAlike(t *testing.T) {
	t.Parallel()
	split := func(key, salt string) string {
		return `{"key":"` + key + `","type":"bool","variant_salt":"` + salt + `","rollout":{"percent":100,"serve":[{"variant":"on","weight":1},{"variant":"off","weight":1}]}}`
	}
	set := load(t, split("a", "together"), split("b", "together"), split("c", ""), split("d", "c/variant"))
	same := map[string]int{}
	for _, tenant := range tenants(1000) {
		w := &flags.Who{Tenant: tenant}
		for _, pair := range []string{"ab", "ac", "cd"} {
			if set.Evaluate(pair[:1], w).Variant == set.Evaluate(pair[1:], w).Variant {
				same[pair]++
			}
		}
	}
	require.Equal(t, 1000, same["ab"])
	require.Equal(t, 1000, same["cd"], "without one it is the salt followed by /variant")
	require.InDelta(t, 500, same["ac"], 100)
}

func TestVariantsHaveTheirWeights(t *testing.T) {
	t.Parallel()
	set := load(t, `{"key":"v","type":"string","default":"a","rollout":{"percent":50,"serve":[{"variant":"a","weight":1},{"variant":"b","weight":2},{"variant":"c","weight":7}]},
		"variants":[{"name":"a","value":"A"},{"name":"b","value":"B"},{"name":"c","value":"C"}]}`)
	observed, inside := make([]int, 3), 0
	for _, tenant := range tenants(100_000) {
		d := set.Evaluate("v", &flags.Who{Tenant: tenant})
		if d.Cause == flags.CauseRollout {
			observed[strings.Index("abc", d.Variant)]++
			inside++
		}
	}
	n := float64(inside)
	require.InDelta(t, 50_000, n, 700)
	// 2 degrees of freedom: 99.9 % of samples lie below 13.8.
	require.Less(t, chiSquare(observed, []float64{n * 0.1, n * 0.2, n * 0.7}), 13.8)
}
