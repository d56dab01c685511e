package audit

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// Checkpoint says what the log was at a time: whoever keeps one can tell later whether the log still begins with it.
type Checkpoint struct {
	Origin string    // the name of the log
	Size   int64     // how many records it holds
	Root   Hash      // over their leaves
	At     time.Time // when it was signed, in whole seconds
	Note   []byte    // the signed note (C2SP tlog-checkpoint) that all of this was read from
}

// timeLine is the extension line that holds the time.
const timeLine = "time "

// Checkpoint signs that the log held size records under root at an instant.
func (s *Signer) Checkpoint(size int64, root Hash, at time.Time) Checkpoint {
	at = at.UTC().Truncate(time.Second)
	text := fmt.Sprintf("%s\n%d\n%s\n%s%s\n", s.name, size, root, timeLine, at.Format(time.RFC3339))
	return Checkpoint{Origin: s.name, Size: size, Root: root, At: at, Note: s.sign(text)}
}

// ParseCheckpoint reads a signed checkpoint and checks its signature. One that is not signed by the key of v, or was
// changed, is [ErrTampered].
func ParseCheckpoint(note []byte, v *Verifier) (Checkpoint, error) {
	text, err := v.open(note)
	if err != nil {
		return Checkpoint{}, err
	}
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] != v.name {
		return Checkpoint{}, tenon.Invalid("checkpoint", "not one of %s", v.name)
	}
	c := Checkpoint{Origin: lines[0], Note: append([]byte(nil), note...)}
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.Size < 0 || strconv.FormatInt(c.Size, 10) != lines[1] {
		return Checkpoint{}, tenon.Invalid("checkpoint", "its size is not a number")
	}
	if err := c.Root.UnmarshalText([]byte(lines[2])); err != nil {
		return Checkpoint{}, tenon.Invalid("checkpoint", "its root is not a hash")
	}
	for _, line := range lines[3:] {
		if rest, ok := strings.CutPrefix(line, timeLine); ok {
			if c.At, err = time.Parse(time.RFC3339, rest); err != nil {
				return Checkpoint{}, tenon.Invalid("checkpoint", "its time is not one")
			}
		}
	}
	return c, nil
}
