package kpi

import (
	"errors"
	"fmt"

	"github.com/transbotai/tenon"
)

// The sentinels of this package. Each wraps one class of package tenon.
var (
	// ErrUnknownKPI says that nobody defined the KPI, or that it was retired.
	ErrUnknownKPI = fmt.Errorf("kpi: definition %w", tenon.ErrNotFound)
	// ErrUnknownEvent says that no event of the tenant has the key, or that it was retracted.
	ErrUnknownEvent = fmt.Errorf("kpi: event %w", tenon.ErrNotFound)
	// ErrFull says that as many events wait as BatcherOptions.MaxPending allows. The event was not taken.
	ErrFull = fmt.Errorf("kpi: the batch is full: %w", tenon.ErrUnavailable)
	// ErrStopped says that Run has ended. The event was not taken.
	ErrStopped = fmt.Errorf("kpi: the batcher has stopped: %w", tenon.ErrUnavailable)
)

// prefix names the package once on an error that names a field.
func prefix(err error) error {
	var field *tenon.FieldError
	if err == nil || !errors.As(err, &field) {
		return err
	}
	return fmt.Errorf("kpi: %w", err)
}
