package entitlements

import (
	"errors"
	"fmt"

	"github.com/transbotai/tenon"
)

// The sentinels of this package. Each wraps one class of package tenon.
var (
	// ErrUnknownFeature says that the catalogue has no such feature.
	ErrUnknownFeature = fmt.Errorf("entitlements: feature %w", tenon.ErrNotFound)
	// ErrUnknownPlan says that the catalogue has no such plan or version.
	ErrUnknownPlan = fmt.Errorf("entitlements: plan %w", tenon.ErrNotFound)
	// ErrUnknownAddOn says that the catalogue has no such add-on, or the tenant does not have it.
	ErrUnknownAddOn = fmt.Errorf("entitlements: add-on %w", tenon.ErrNotFound)
	// ErrUnknownTenant says that the tenant has no entitlement: nobody subscribed it to a plan.
	ErrUnknownTenant = fmt.Errorf("entitlements: tenant %w", tenon.ErrNotFound)
	// ErrUnknownHold says that the tenant has no such hold, or it was closed longer ago than keys are kept.
	ErrUnknownHold = fmt.Errorf("entitlements: hold %w", tenon.ErrNotFound)
	// ErrUnknownKey says that nothing was recorded under the key, or longer ago than keys are kept.
	ErrUnknownKey = fmt.Errorf("entitlements: key %w", tenon.ErrNotFound)
	// ErrUnknownGrant says that the tenant has no such grant or override.
	ErrUnknownGrant = fmt.Errorf("entitlements: grant %w", tenon.ErrNotFound)
	// ErrKeyReused says that the key was used before, for something else.
	ErrKeyReused = fmt.Errorf("entitlements: key used for something else: %w", tenon.ErrConflict)
	// ErrHoldClosed says that the hold was already committed with another quantity, or released.
	ErrHoldClosed = fmt.Errorf("entitlements: hold already closed: %w", tenon.ErrConflict)
	// ErrTrialUsed says that the tenant had its trial.
	ErrTrialUsed = fmt.Errorf("entitlements: trial already used: %w", tenon.ErrConflict)
	// ErrPlanInactive says that the plan takes no new subscribers.
	ErrPlanInactive = fmt.Errorf("entitlements: plan takes no new subscribers: %w", tenon.ErrConflict)
	// ErrSubscriptionEnded says that a canceled subscription cannot be moved to another plan.
	ErrSubscriptionEnded = fmt.Errorf("entitlements: subscription has ended: %w", tenon.ErrConflict)
	// ErrSubscribed says that the tenant has a subscription at the biller that lives.
	ErrSubscribed = fmt.Errorf("entitlements: tenant is subscribed: %w", tenon.ErrConflict)
	// ErrNotSubscribed says that the tenant has no subscription at the biller, or none that lives.
	ErrNotSubscribed = fmt.Errorf("entitlements: subscription %w", tenon.ErrNotFound)
	// ErrPaymentFailed says that the customer's bank or card refused.
	ErrPaymentFailed = fmt.Errorf("entitlements: payment refused: %w", tenon.ErrDenied)
	// ErrUnknownCustomer says that the tenant has no customer at the biller.
	ErrUnknownCustomer = fmt.Errorf("entitlements: customer %w", tenon.ErrNotFound)
	// ErrCustomerTaken says that the customer is another tenant's.
	ErrCustomerTaken = fmt.Errorf("entitlements: customer is another tenant's: %w", tenon.ErrConflict)
	// ErrUnknownEvent says that the biller's event is not known here.
	ErrUnknownEvent = fmt.Errorf("entitlements: event %w", tenon.ErrNotFound)
	// ErrLeaseLost says that somebody else has taken over the work on a customer. Nothing was written.
	ErrLeaseLost = fmt.Errorf("entitlements: lease lost: %w", tenon.ErrConflict)
	// ErrKindChanged says that a catalogue gives a stored feature another kind.
	ErrKindChanged = fmt.Errorf("entitlements: a feature's kind cannot change: %w", tenon.ErrConflict)
	// ErrOutcomeUnknown says that the caller's context ended, or the connection was lost, while the decision was being
	// written. It may have been written. Calling again with the same Key is safe and gives the answer.
	ErrOutcomeUnknown = fmt.Errorf("entitlements: outcome unknown: %w", tenon.ErrUnavailable)
)

// prefix names the package once on an error that came from below, and leaves this package's own sentinels alone.
func prefix(err error) error {
	var field *tenon.FieldError
	if err == nil || !errors.As(err, &field) {
		return err
	}
	return fmt.Errorf("entitlements: %w", err)
}

// unavailable returns an error of the class [tenon.ErrUnavailable].
func unavailable(why string) error {
	return fmt.Errorf("entitlements: %s: %w", why, tenon.ErrUnavailable)
}
