package gdprpg_test

import (
	"testing"

	"github.com/transbotai/tenon/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Work{
		"erase": proctest.OnDatabase(eraseOnce), "requests": proctest.OnDatabase(workForEver),
	})
}
