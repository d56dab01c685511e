package entitlementstest

import (
	"strconv"
	"testing"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// answer is the part of a Decision that most rules are about.
type answer struct {
	reason                entitlements.Reason
	used, held, remaining int64
}

// says fails unless d answers as wanted.
func (r *rig) says(d entitlements.Decision, want answer) {
	r.t.Helper()
	got := answer{d.Reason, d.Used, d.Held, d.Remaining}
	if got != want {
		r.t.Fatalf("the answer is %s, want %s", got, want)
	}
	allowed := want.reason == entitlements.ReasonAllowed || want.reason == entitlements.ReasonOverSoft || want.reason == entitlements.ReasonOverage
	if d.Allowed != allowed || (d.Answer == entitlements.Yes) != allowed || d.Answer == entitlements.Unknown {
		r.t.Fatalf("the answer is %s, and Allowed is %t, Answer %s", got, d.Allowed, d.Answer)
	}
}

func (a answer) String() string {
	return a.reason.String() + " used " + amount(a.used) + " held " + amount(a.held) + " remaining " + amount(a.remaining)
}

func amount(n int64) string {
	if n == entitlements.Unlimited {
		return "unlimited"
	}
	return strconv.FormatInt(n, 10)
}

// refuses fails unless d refuses for the reason.
func (r *rig) refuses(d entitlements.Decision, reason entitlements.Reason) {
	r.t.Helper()
	if d.Allowed || d.Answer != entitlements.No || d.Reason != reason {
		r.t.Fatalf("the answer is %s (%s), want no (%s)", d.Answer, d.Reason, reason)
	}
}

// allows fails unless d allows for the reason.
func (r *rig) allows(d entitlements.Decision, reason entitlements.Reason) {
	r.t.Helper()
	if !d.Allowed || d.Answer != entitlements.Yes || d.Reason != reason {
		r.t.Fatalf("the answer is %s (%s), want yes (%s)", d.Answer, d.Reason, reason)
	}
}

// equal fails unless got is want; what names it.
func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s is %v, want %v", what, got, want)
	}
}

// sameTime fails unless got is the same instant as want.
func sameTime(t *testing.T, what string, got, want time.Time) {
	t.Helper()
	if !got.Equal(want) {
		t.Fatalf("%s is %s, want %s", what, got, want)
	}
}

// drew fails unless the grant's units are used and held as said.
func (r *rig) drew(id string, used, held int64) {
	r.t.Helper()
	g := r.granted(id)
	if g.Used != used || g.Held != held {
		r.t.Fatalf("of the grant of %d, %d are used and %d held, want %d and %d", g.Amount, g.Used, g.Held, used, held)
	}
}

// equalNow is equal for other goroutines than the test's.
func equalNow[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
