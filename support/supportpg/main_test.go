package supportpg_test

import (
	"testing"

	"github.com/transbotai/tenon/internal/proctest"
)

// order is what a child is to do.
type order struct{ URL string }

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Work{"fire": proctest.OnDatabase(fire)})
}
