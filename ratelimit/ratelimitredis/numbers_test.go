package ratelimitredis_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/redistest"
	"github.com/transbotai/tenon/ratelimit/ratelimitredis"
)

// edges are numbers around those that take another form.
var edges = []int64{
	0, 1, 127, 128, 255, 256, 65_535, 65_536, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1_800_000_000_000_000, 1 << 53,
}

func TestNumbersArriveInLuaAndComeBack(t *testing.T) {
	t.Parallel()
	client := redistest.Client(t)
	for _, n := range []int{1, 15, 16, 70_000} {
		var numbers []int64
		for i := range n {
			numbers = append(numbers, edges[i%len(edges)])
		}
		const script = "return cmsgpack.pack(cmsgpack.unpack(ARGV[1]))"
		answer, err := client.Eval(t.Context(), script, nil, ratelimitredis.Packed(numbers)).Text()
		require.NoError(t, err)
		got, err := ratelimitredis.Unpacked(answer)
		require.NoError(t, err)
		require.Equal(t, numbers, got)
	}
}

func TestAnAnswerThatIsNoArrayOfNumbersIsRefused(t *testing.T) {
	t.Parallel()
	whole := string(ratelimitredis.Packed(edges))
	for i := range len(whole) {
		_, err := ratelimitredis.Unpacked(whole[:i])
		require.Error(t, err)
	}
	for _, wrong := range []string{
		whole + "\x00", "\x93\x01\x02", "\x91\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", "\xdd\xff\xff\xff\xff", "\x81\x01\x02",
	} {
		_, err := ratelimitredis.Unpacked(wrong)
		require.Error(t, err, "%q", wrong)
	}
}

func FuzzUnpacked(f *testing.F) {
	f.Add(string(ratelimitredis.Packed(edges)))
	f.Add("\x92\x01\xcc\xff")
	f.Fuzz(func(t *testing.T, s string) {
		numbers, err := ratelimitredis.Unpacked(s)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(numbers), len(s))
		again, err := ratelimitredis.Unpacked(string(ratelimitredis.Packed(numbers)))
		require.NoError(t, err)
		require.Equal(t, numbers, again)
	})
}
