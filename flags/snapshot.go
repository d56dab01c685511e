package flags

import (
	"maps"
	"slices"
	"sync/atomic"
)

// snapshot is everything that is live at a revision. It does not change, but for the slots, which remember where things
// are.
type snapshot struct {
	revision int64
	fromDisk bool
	flags    map[string]*compiled
	segments map[string]*segment
	cyclic   map[string]bool // flags whose prerequisites lead back to them
	faults   map[string]error
	slots    []atomic.Pointer[compiled] // by the id of a handle
}

// emptySnapshot is live before anything is loaded.
var emptySnapshot = &snapshot{}

// get returns what is live, and the flag in it; nil when there is none.
func (s *Set) get(h *handle) (*snapshot, *compiled) {
	snap := s.shared.live.Load()
	if h.id < uint32(len(snap.slots)) {
		if c := snap.slots[h.id].Load(); c != nil {
			return snap, c
		}
	}
	return snap, snap.look(h)
}

// look finds the flag by its key, and remembers it for the handle.
func (snap *snapshot) look(h *handle) *compiled {
	c := snap.flags[h.key]
	if c != nil && h.id < uint32(len(snap.slots)) {
		snap.slots[h.id].Store(c)
	}
	return c
}

// whyMissing says why there is no flag of that key.
func (snap *snapshot) whyMissing(key string) Code {
	switch {
	case snap == emptySnapshot:
		return CodeNotReady
	case snap.faults[recordKey{KindFlag, key}.String()] != nil:
		return CodeParse
	default:
		return CodeNotFound
	}
}

// keys returns the flags' keys in order.
func (snap *snapshot) keys() []string { return slices.Sorted(maps.Keys(snap.flags)) }

// newSlots makes room for the flags in code, and for those that code may still make.
func newSlots() []atomic.Pointer[compiled] {
	return make([]atomic.Pointer[compiled], min(handles.Load()+64, maxSlots))
}
