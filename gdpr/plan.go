package gdpr

import (
	"time"

	"github.com/transbotai/tenon"
)

// Deletion is an erasure of a subject, from the marks to the end.
type Deletion struct {
	ID      string // of the request: a UUID
	Subject tenon.Subject
	At      time.Time // what marks say
}

// Plan is what an erasure would do: nothing of it has been done.
type Plan struct {
	Subject    tenon.Subject `json:"subject"`
	Schema     string        `json:"schema"`     // digest of the [Map]
	Definition string        `json:"definition"` // digest of the [Definition]
	Work       []Work        `json:"work"`       // in the order in which it is done
	Cascades   []Wider       `json:"cascades,omitempty"`
	Problems   []Problem     `json:"problems,omitempty"` // a plan that has some is not carried out
	Salt       string        `json:"salt"`               // random, so that the digest alone does not tell whose the plan was
	Hash       string        `json:"hash"`               // digest of all the rest
}

// Work is what a plan does with the rows of one table that are the subject's, or that mention it.
type Work struct {
	Table    string   `json:"table"`
	Relation Relation `json:"relation"`
	// Reference is the one by which rows of others mention the subject.
	Reference string            `json:"reference,omitempty"`
	Rule      Rule              `json:"rule"`
	Columns   map[string]Method `json:"columns,omitempty"` // that are anonymised
	Kept      []string          `json:"kept,omitempty"`    // columns that are kept in rows that stay
	Basis     string            `json:"basis,omitempty"`
	Until     time.Time         `json:"until,omitzero"`
	Rows      int64             `json:"rows"`
	// Group is the same for tables whose keys form a cycle, which are done together.
	Group int `json:"group"`
	// After are the groups that come before: while one of them fails, this one waits.
	After []int `json:"after,omitempty"`
}

// Name tells works of a plan apart.
func (w Work) Name() string {
	if w.Relation == Mentions {
		return w.Table + " by " + w.Reference
	}
	return w.Table
}

// Wider is a key by which Postgres itself would change rows that are not the subject's.
type Wider struct {
	Reference Reference `json:"reference"`
	Rows      int64     `json:"rows"` // of others that refer to rows that go
	Handled   bool      `json:"handled,omitempty"`
}

// Sealed returns p with its digest.
func (p Plan) Sealed() Plan {
	p.Hash = ""
	p.Hash = digest(p)
	return p
}

// Sound says whether p is as it was when it was sealed.
func (p Plan) Sound() bool { return p.Hash != "" && p.Sealed().Hash == p.Hash }

// Erasure says how far an erasure has come.
type Erasure struct {
	Deletion
	PlanHash  string    `json:"plan_hash"`
	StartedAt time.Time `json:"started_at"`
	Tables    []Erased  `json:"tables"`
}

// Erased says how far one [Work] has come.
type Erased struct {
	Work
	Done     bool   `json:"done"`
	Rows     int64  `json:"erased"` // deleted or anonymised so far, over all attempts
	Attempts int    `json:"attempts"`
	Error    string `json:"error,omitempty"` // of the last attempt
}

// Done says whether nothing is left to do.
func (e *Erasure) Done() bool {
	for _, t := range e.Tables {
		if !t.Done {
			return false
		}
	}
	return true
}

// Rows returns how many rows of each table were deleted or anonymised over all attempts.
func (e *Erasure) Rows() map[string]int64 {
	rows := map[string]int64{}
	for _, t := range e.Tables {
		rows[t.Table] += t.Rows
	}
	return rows
}
