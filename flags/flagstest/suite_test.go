package flagstest_test

import (
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagstest"
)

func TestTheMemoryStoreKeepsTheRules(t *testing.T) {
	t.Parallel()
	flagstest.TestStore(t, func(*testing.T) flags.Store { return flags.NewMemoryStore(nil) })
}

func TestTheRulesHoldInASharedStore(t *testing.T) {
	t.Parallel()
	shared := flags.NewMemoryStore(nil)
	flagstest.TestStore(t, func(*testing.T) flags.Store { return shared })
}

func TestTheMemoryStoreTellsOfChanges(t *testing.T) {
	t.Parallel()
	flagstest.TestChanges(t, func(_ *testing.T, recorder tenon.Recorder, notifier tenon.Notifier) flags.Store {
		return flags.NewMemoryStore(&flags.MemoryOptions{Recorder: recorder, Notifier: notifier})
	})
}
