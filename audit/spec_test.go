package audit_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit"
)

// specLeaf computes a leaf as the comment on [audit.Entry.Leaf] has it, from the comment alone, for payloads of objects
// with plain names, arrays, texts, integers without zeros at the end, true, false and null.
func specLeaf(t *testing.T, e *audit.Entry) audit.Hash {
	t.Helper()
	parts := map[string]string{} // kind and value
	text := func(path, value string) {
		if value != "" {
			parts[path] = "s" + value
		}
	}
	text("actor", e.Actor)
	text("on_behalf_of", e.OnBehalfOf)
	text("ip_address", e.IP)
	text("user_agent", e.UserAgent)
	text("request_id", e.RequestID)
	text("trace_id", e.TraceID)
	text("key", e.Key)
	for i, target := range e.Targets {
		text(fmt.Sprintf("targets[%d].type", i), target.Type)
		text(fmt.Sprintf("targets[%d].id", i), target.ID)
	}
	var v any
	require.NoError(t, json.Unmarshal(e.Payload, &v))
	specWalk(parts, "payload", v)

	length := func(s string) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...) }
	b := []byte("\x00tenon/audit/1")
	b = append(append(b, length(e.ID)...), length(e.Tenant)...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.At.UnixMicro()))
	b = append(append(b, length(e.Action)...), length(string(e.Outcome))...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(parts)))
	for i, path := range slices.Sorted(maps.Keys(parts)) {
		two := sha256.Sum256(append(slices.Clone(e.Seed), 0, 0, 0, 0, 0, 0, 0, byte(i/2)))
		salt := slices.Clone(two[16*(i%2) : 16*(i%2)+16])
		digest := sha256.Sum256(append(append(salt, length(path)...), parts[path]...))
		b = append(append(b, length(path)...), digest[:]...)
	}
	return sha256.Sum256(b)
}

func specWalk(parts map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			parts[path] = "o"
		}
		for name, child := range v {
			specWalk(parts, path+"."+name, child)
		}
	case []any:
		if len(v) == 0 {
			parts[path] = "a"
		}
		for i, child := range v {
			specWalk(parts, fmt.Sprintf("%s[%d]", path, i), child)
		}
	case string:
		parts[path] = "s" + v
	case float64:
		parts[path] = "n" + strconv.FormatInt(int64(v), 10)
	case bool:
		parts[path] = map[bool]string{true: "t", false: "f"}[v]
	case nil:
		parts[path] = "0"
	}
}

func TestALeafIsWhatItsDescriptionSays(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"before":{"rate":1201},"after":{"rate":1,"notes":["a",null,{},[],true,false,-7]}}`, `7`, `null`, `""`, `[]`, `{}`, `[[["x"]]]`,
	} {
		e := entry(text)
		require.Equal(t, specLeaf(t, e), leaf(t, e), text)
	}
}
