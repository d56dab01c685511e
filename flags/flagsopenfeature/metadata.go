package flagsopenfeature

import (
	"maps"
	"sync"

	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/transbotai/tenon/flags"
)

// metadata remembers what is told of each flag, so that an evaluation makes no map. OpenFeature's client copies it.
type metadata struct {
	byFlag sync.Map // key to *told
}

// told is what was last told of a flag.
type told struct {
	version int64
	said    of.FlagMetadata
}

// about returns the flag's metadata with its version.
func (m *metadata) about(d *flags.Detail[any]) of.FlagMetadata {
	if known, ok := m.byFlag.Load(d.Key); ok {
		if t := known.(*told); t.version == d.Version {
			return t.said
		}
	}
	t := &told{version: d.Version, said: of.FlagMetadata(maps.Clone(d.Metadata))}
	if t.said == nil {
		t.said = of.FlagMetadata{}
	}
	t.said[VersionKey] = d.Version
	m.byFlag.Store(d.Key, t)
	return t.said
}
