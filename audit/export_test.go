package audit

// What tests from outside see.

func LeafHash(data []byte) Hash { return leafHash(data) }

func Flatten(text []byte) (map[string]string, error) {
	found := map[string]string{}
	err := flatten(text, "payload", func(s scalar) { found[string(s.path)] = string(s.kind) + string(s.value) })
	return found, err
}
