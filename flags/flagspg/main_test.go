package flagspg_test

import (
	"testing"

	"github.com/transbotai/tenon/internal/proctest"
)

// order is what a child is to do.
type order struct {
	URL  string
	Name string // tells children apart
}

// report is a line that a child prints.
type report struct {
	Revision int64  `json:",omitempty"` // of a write, after it was answered
	Key      string `json:",omitempty"`
	Version  int64  `json:",omitempty"`
}

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Work{
		"write": proctest.OnDatabase(writeForEver), "ramp": proctest.OnDatabase(rampForEver),
	})
}
