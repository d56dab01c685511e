package kpipg_test

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
	Key string `json:",omitempty"` // of an event, after it was answered
}

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Work{
		"track": proctest.OnDatabase(trackForEver), "fold": proctest.OnDatabase(foldForEver),
	})
}
