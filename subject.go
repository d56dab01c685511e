package tenon

import (
	"context"
	"encoding/json"
	"iter"
)

// Subject is the one whose data is exported or erased: a company, or one person in it.
type Subject struct {
	Tenant string // required
	User   string // empty for the whole company
}

// Row is one stored row about a [Subject].
type Row struct {
	Table string          `json:"table"` // with its schema: "tenon.usage_events"
	Data  json.RawMessage `json:"data"`  // an object keyed by column
}

// Exporter hands over what it keeps about a subject.
type Exporter interface {
	// Export yields every row about s, table by table. It reads as it goes, in constant memory. After an error it
	// yields nothing more.
	Export(ctx context.Context, s Subject) iter.Seq2[Row, error]
}

// Eraser forgets a subject.
type Eraser interface {
	// Erase removes what is kept about s and returns how many rows it removed or emptied in each table. Every table
	// that it answers for is a key, with 0 where there was nothing, so that a host can tell an erased table from one
	// that nobody looked at. Erasing twice is not an error.
	Erase(ctx context.Context, s Subject) (map[string]int64, error)
}
