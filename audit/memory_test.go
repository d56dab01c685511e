package audit_test

import (
	"testing"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/audittest"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	audittest.TestStore(t, func(*testing.T) audit.Store { return audit.NewMemoryStore() })
}
