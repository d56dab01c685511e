package msgpack_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/msgpack"
)

// edges are numbers around those that take another form.
var edges = []int64{
	0, 1, 127, 128, 255, 256, 65_535, 65_536, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1_800_000_000_000_000, 1 << 53,
}

func TestWhatIsNoArrayOfNumbersIsRefused(t *testing.T) {
	t.Parallel()
	whole := string(msgpack.Pack(edges))
	for i := range len(whole) {
		_, err := msgpack.Unpack(whole[:i])
		require.ErrorIs(t, err, msgpack.ErrNotNumbers)
	}
	for _, wrong := range []string{
		whole + "\x00", "\x93\x01\x02", "\x91\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", "\xdd\xff\xff\xff\xff", "\x81\x01\x02",
	} {
		_, err := msgpack.Unpack(wrong)
		require.ErrorIs(t, err, msgpack.ErrNotNumbers, "%q", wrong)
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
		got, err := msgpack.Unpack("\x91" + packed)
		require.NoError(t, err, "%q", packed)
		require.Equal(t, []int64{want}, got, "%q", packed)
	}
	for _, negative := range []string{
		"\xff", "\xd0\xff", "\xd1\xff\xff", "\xd2\x80\x00\x00\x00", "\xd3\xff\xff\xff\xff\xff\xff\xff\xff",
		"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		_, err := msgpack.Unpack("\x91" + negative)
		require.ErrorIs(t, err, msgpack.ErrNotNumbers, "%q", negative)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(string(msgpack.Pack(edges)))
	f.Add("\x92\x01\xcc\xff")
	f.Fuzz(func(t *testing.T, s string) {
		numbers, err := msgpack.Unpack(s)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(numbers), len(s))
		again, err := msgpack.Unpack(string(msgpack.Pack(numbers)))
		require.NoError(t, err)
		require.Equal(t, numbers, again)
	})
}
