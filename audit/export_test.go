package audit

import "context"

// The tree, for tests from outside.

func LeafHash(data []byte) Hash { return leafHash(data) }

func NodeHash(left, right Hash) Hash { return nodeHash(left, right) }

func Root(ctx context.Context, size int64, read Hashes) (Hash, error) {
	return newTree(size, read).root(ctx)
}

func Prove(ctx context.Context, index, size int64, read Hashes) ([]Hash, error) {
	return newTree(size, read).inclusion(ctx, index, 0, size)
}

func ProveBetween(ctx context.Context, from, to int64, read Hashes) ([]Hash, error) {
	if from == 0 {
		return nil, nil
	}
	return newTree(to, read).consistency(ctx, from, 0, to, true)
}

func Grow(ctx context.Context, size int64, leaves []Hash, read Hashes) ([]Node, error) {
	return grow(ctx, size, leaves, read)
}

func Flatten(text []byte) (map[string]string, error) {
	found := map[string]string{}
	err := flatten(text, "payload", func(s scalar) { found[s.path] = string(s.kind) + string(s.value) })
	return found, err
}
