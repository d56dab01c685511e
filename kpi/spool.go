package kpi

import (
	"encoding/json"
	"time"

	"github.com/transbotai/tenon/internal/spool"
)

func newSpool(dir string) *spool.Spool[spooled] { return spool.New[spooled](dir, ".spool") }

// spooled is an entry that waits on disk to be stored. Replaying it twice stores it once, by its id.
type spooled struct {
	Kind       EntryKind       `json:"kind"`
	ID         string          `json:"id"`
	Tenant     string          `json:"tenant"`
	User       string          `json:"user,omitempty"`
	Name       string          `json:"name"`
	Key        string          `json:"key,omitempty"`
	At         time.Time       `json:"at"`
	ReceivedAt time.Time       `json:"received_at"`
	Properties json.RawMessage `json:"properties"`
	Reason     string          `json:"reason,omitempty"`
}

func spooledOf(e Entry) spooled {
	return spooled{
		Kind: e.Kind, ID: e.Event.ID, Tenant: e.Event.Tenant, User: e.Event.User, Name: e.Event.Name, Key: e.Event.Key,
		At: e.Event.At, ReceivedAt: e.Event.ReceivedAt, Properties: e.Event.JSON, Reason: e.Reason,
	}
}

func (s spooled) entry() (Entry, error) {
	e := Event{
		ID: s.ID, Tenant: s.Tenant, User: s.User, Name: s.Name, Key: s.Key, At: s.At.UTC(), ReceivedAt: s.ReceivedAt.UTC(),
	}
	err := e.Read(s.Properties)
	return Entry{Kind: s.Kind, Event: e, Reason: s.Reason}, err
}

func spooledOfAll(batch []waiting) []spooled {
	all := make([]spooled, len(batch))
	for i, w := range batch {
		all[i] = spooledOf(w.entry)
	}
	return all
}
