package audit

import "fmt"

// beside looks at what a leaf does not vouch for: salts of parts that are not there or were erased, and members of the
// payload that were taken out after their values had been erased.
func (e *Entry) beside() error {
	if e.Seed != nil {
		if e.Salts != nil || e.Redacted != nil || e.RedactedBy != "" {
			return fmt.Errorf("%w: record %s has a seed beside what comes of a redaction", ErrTampered, e.ID)
		}
		return nil
	}
	salts, nulls := 0, 0
	err := e.scalars(func(s scalar) {
		if _, gone := e.Redacted[string(s.path)]; gone {
			nulls++
		} else {
			salts++
		}
	})
	if err != nil {
		return err
	}
	for path := range e.Redacted {
		if inPayload(path) {
			nulls--
		}
	}
	if len(e.Redacted) == 0 || salts != len(e.Salts) || nulls != 0 {
		return fmt.Errorf("%w: record %s does not hold what its redaction left", ErrTampered, e.ID)
	}
	return nil
}
