package ratelimitredis_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/msgpack"
	"github.com/transbotai/tenon/internal/redistest"
)

func TestNumbersArriveInLuaAndComeBack(t *testing.T) {
	t.Parallel()
	client := redistest.Client(t)
	edges := []int64{0, 127, 128, 255, 256, 65_535, 65_536, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1_800_000_000_000_000, 1 << 53}
	for _, n := range []int{1, 15, 16, 70_000} {
		var numbers []int64
		for i := range n {
			numbers = append(numbers, edges[i%len(edges)])
		}
		const script = "return cmsgpack.pack(cmsgpack.unpack(ARGV[1]))"
		answer, err := client.Eval(t.Context(), script, nil, msgpack.Pack(numbers)).Text()
		require.NoError(t, err)
		got, err := msgpack.Unpack(answer)
		require.NoError(t, err)
		require.Equal(t, numbers, got)
	}
}
