package entitlementsstripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/stripe/stripe-go/v76"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// ErrWebhook says that a webhook is not to be believed or cannot be read. It was answered 400, and nothing was written.
var ErrWebhook = fmt.Errorf("entitlementsstripe: webhook refused: %w", tenon.ErrInvalid)

// ErrUnknownPrice says that a subscription has no item whose price stands for a plan.
var ErrUnknownPrice = fmt.Errorf("entitlementsstripe: no price of the subscription is a plan's: %w", tenon.ErrConflict)

// invalid is [tenon.Invalid] with the package's name before it.
func invalid(field, format string, args ...any) error {
	return fmt.Errorf("entitlementsstripe: %w", tenon.Invalid(field, format, args...))
}

// Error is what Stripe answered, or why there was no answer. It has no secret in it.
type Error struct {
	Status    int    // of HTTP; 0: there was no answer
	Type      string // "card_error"
	Code      string // "card_declined"
	Param     string // the parameter at fault
	RequestID string // for Stripe's support
	Message   string
	class     error
}

// Error returns what happened in words.
func (e *Error) Error() string {
	if e.Status == 0 {
		return "stripe: " + e.Message
	}
	return fmt.Sprintf("stripe: %d %s %s: %s", e.Status, e.Type, e.Code, e.Message)
}

// Unwrap returns the error's class.
func (e *Error) Unwrap() error { return e.class }

// hidden stands where a secret was.
const hidden = "[hidden]"

// secretLike finds what looks like a key or a webhook's secret.
var secretLike = regexp.MustCompile(`(sk|rk|whsec)_[A-Za-z0-9_*]+`)

// scrub takes secrets out of a text that somebody else wrote.
func (b *Biller) scrub(text string) string {
	for _, s := range append([]tenon.Secret{b.account.Key}, b.account.WebhookSecrets...) {
		text = strings.ReplaceAll(text, s.Reveal(), hidden)
	}
	return secretLike.ReplaceAllString(text, hidden)
}

// translate gives what came of a call its class. The error itself is not kept: it may hold the request.
func (b *Biller) translate(ctx context.Context, err error) error {
	var answer *stripe.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answer):
		return &Error{
			Status: answer.HTTPStatusCode, Type: b.scrub(string(answer.Type)), Code: b.scrub(string(answer.Code)),
			Param: b.scrub(answer.Param), RequestID: b.scrub(answer.RequestID), Message: b.scrub(answer.Msg), class: classOf(answer),
		}
	case ctx.Err() != nil:
		return &Error{Message: ctx.Err().Error(), class: fmt.Errorf("%w: %w", tenon.ErrUnavailable, ctx.Err())}
	}
	return &Error{Message: b.scrub(err.Error()), class: tenon.ErrUnavailable}
}

func classOf(e *stripe.Error) error {
	switch {
	case e.Type == stripe.ErrorTypeCard, e.HTTPStatusCode == http.StatusPaymentRequired:
		return entitlements.ErrPaymentFailed
	case e.HTTPStatusCode == http.StatusUnauthorized, e.HTTPStatusCode == http.StatusForbidden:
		return tenon.ErrDenied
	case e.HTTPStatusCode == http.StatusNotFound:
		return tenon.ErrNotFound
	case e.HTTPStatusCode == http.StatusTooManyRequests, e.HTTPStatusCode == http.StatusConflict, e.HTTPStatusCode >= 500:
		return tenon.ErrUnavailable
	}
	return tenon.ErrInvalid
}

// isDuplicate says whether Stripe has had a meter event of the same identifier. The API of 2023-10-16 tells by words
// alone; newer ones by a code.
func isDuplicate(err error) bool {
	var e *Error
	return errors.As(err, &e) &&
		(e.Code == "duplicate_meter_event" || e.Status == http.StatusBadRequest && strings.Contains(e.Message, "already exists with identifier"))
}

// isTakenBack says whether Stripe has taken a meter event back before.
func isTakenBack(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusBadRequest && strings.Contains(e.Message, "already been cancel")
}
