// Package entitlementsstripe sells the plans of package entitlements by Stripe.
package entitlementsstripe
