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

// Servers that are like Redis may pack numbers in other forms.
func TestEveryFormOfANumberIsRead(t *testing.T) {
	t.Parallel()
	for packed, want := range map[string]int64{
		"\x7f": 127, "\xcc\xff": 255, "\xcd\x01\x00": 256, "\xce\xff\xff\xff\xff": 1<<32 - 1,
		"\xcf\x00\x20\x00\x00\x00\x00\x00\x00": 1 << 53,
		"\xd0\x7f":                             127, "\xd1\x01\x00": 256, "\xd2\x7f\xff\xff\xff": 1<<31 - 1,
		"\xd3\x00\x20\x00\x00\x00\x00\x00\x00": 1 << 53,
	} {
		got, err := ratelimitredis.Unpacked("\x91" + packed)
		require.NoError(t, err, "%q", packed)
		require.Equal(t, []int64{want}, got, "%q", packed)
	}
	for _, negative := range []string{
		"\xff", "\xd0\xff", "\xd1\xff\xff", "\xd2\x80\x00\x00\x00", "\xd3\xff\xff\xff\xff\xff\xff\xff\xff",
		"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		_, err := ratelimitredis.Unpacked("\x91" + negative)
		require.Error(t, err, "%q", negative)
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
