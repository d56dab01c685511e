package slo

import (
	"errors"
	"fmt"

	"github.com/transbotai/tenon"
)

// The sentinels of this package. Each wraps one class of package tenon. [ErrTierUnfit] stands with the tiers.
var (
	// ErrUnknownObjective says that nobody defined the objective, or that it was retired.
	ErrUnknownObjective = fmt.Errorf("slo: objective %w", tenon.ErrNotFound)
	// ErrUnknownExclusion says that there is no such exclusion, or it was taken back.
	ErrUnknownExclusion = fmt.Errorf("slo: exclusion %w", tenon.ErrNotFound)
	// ErrUnknownOverride says that there is no such override, or it has ended.
	ErrUnknownOverride = fmt.Errorf("slo: override %w", tenon.ErrNotFound)
	// ErrTooMany says that there are as many objectives of tenants as Options.MaxTenantObjectives allows.
	ErrTooMany = fmt.Errorf("slo: too many objectives of tenants: %w", tenon.ErrConflict)
)

// prefix names the package once on an error that names a field.
func prefix(err error) error {
	var field *tenon.FieldError
	if err == nil || errors.Is(err, ErrTierUnfit) || !errors.As(err, &field) {
		return err
	}
	return fmt.Errorf("slo: %w", err)
}

var errNoHistory = fmt.Errorf("slo: the store keeps no history: %w", tenon.ErrUnavailable)
