package entitlementspg

import (
	"fmt"

	"github.com/transbotai/tenon/internal/pgerr"
)

// retryable says whether a transaction lost a race, or waited too long for a lock, and may run again.
func retryable(err error) bool { return pgerr.Retryable(err) || pgerr.Is(err, pgerr.LockNotAvailable) }

// translate gives errors of Postgres and of the connection their class. What is a caller's own error passes.
func translate(err error) error {
	if pgerr.NoPartition(err) {
		return fmt.Errorf("tenon.usage_events lacks the month's partition: call migrations.Apply or let Run run: %w", err)
	}
	return pgerr.Translate(err, "Entitlements")
}
