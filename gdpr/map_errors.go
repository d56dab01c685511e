package gdpr

import (
	"fmt"
	"strings"

	"github.com/transbotai/tenon"
)

// The sentinels of the host's tables. Each wraps one class of package tenon.
var (
	// ErrUnknownSubject says that the root has no such row.
	ErrUnknownSubject = fmt.Errorf("gdpr: subject %w", tenon.ErrNotFound)
	// ErrUnclassified says that the definition and the schema do not agree. See [CheckError].
	ErrUnclassified = fmt.Errorf("gdpr: the definition does not fit the schema: %w", tenon.ErrConflict)
	// ErrSchemaChanged says that the schema or the definition is not the one that was planned for. Make a new plan.
	ErrSchemaChanged = fmt.Errorf("gdpr: the schema or its definition has changed since the plan: %w", tenon.ErrConflict)
	// ErrPlan says that a plan was changed, is another subject's, or has problems.
	ErrPlan = fmt.Errorf("gdpr: not a plan that can be carried out: %w", tenon.ErrConflict)
	// ErrDeletion says that a deletion is past, or not yet at, what was asked for it.
	ErrDeletion = fmt.Errorf("gdpr: not in this state of the deletion: %w", tenon.ErrConflict)
	// ErrUnfinished says that some tables could not be erased. The others were.
	ErrUnfinished = fmt.Errorf("gdpr: not everything is erased: %w", tenon.ErrUnavailable)
	// ErrLeft says that values of the subject were found in its own rows after the erasure.
	ErrLeft = fmt.Errorf("gdpr: something is left in the subject's own rows: %w", tenon.ErrConflict)
	// ErrSignature says that a certificate was changed, or is signed with another key.
	ErrSignature = fmt.Errorf("gdpr: the signature does not fit: %w", tenon.ErrInvalid)
)

// Problem is something that keeps a definition from being used.
type Problem struct {
	Table  string `json:"table"`
	Column string `json:"column,omitempty"`
	Text   string `json:"text"`
}

// String returns the place and what is wrong there.
func (p Problem) String() string {
	if p.Column == "" {
		return p.Table + ": " + p.Text
	}
	return p.Table + "." + p.Column + ": " + p.Text
}

// CheckError is an [ErrUnclassified] with all that is wrong.
type CheckError struct{ Problems []Problem }

// Error lists the problems, a line each.
func (e *CheckError) Error() string {
	var b strings.Builder
	b.WriteString(ErrUnclassified.Error())
	for _, p := range e.Problems {
		b.WriteString("\n\t" + p.String())
	}
	return b.String()
}

// Unwrap returns [ErrUnclassified].
func (e *CheckError) Unwrap() error { return ErrUnclassified }
