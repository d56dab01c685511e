package entitlementsstripe

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// payload is all that is read of an event: what it is about. The state of that is asked of Stripe, with the version of
// the API that this package is written for.
type payload struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Livemode *bool  `json:"livemode"`
	Account  string `json:"account"`
	Data     struct {
		Object about `json:"object"`
	} `json:"data"`
}

type about struct {
	ID       string    `json:"id"`
	Object   string    `json:"object"`
	Customer reference `json:"customer"`
}

// customer returns the customer that an object is about; empty when it is about none.
func (a about) customer() string {
	if a.Object == "customer" {
		return a.ID
	}
	return string(a.Customer)
}

// reference is an id, or an object that has one.
type reference string

// UnmarshalJSON reads the id; what is neither is none.
func (r *reference) UnmarshalJSON(raw []byte) error {
	var id string
	if json.Unmarshal(raw, &id) == nil {
		*r = reference(id)
		return nil
	}
	var expanded struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(raw, &expanded) == nil {
		*r = reference(expanded.ID)
	}
	return nil
}

// maxID bounds an id; Stripe's are at most 255 bytes.
const maxID = 255

// parsePayload reads an event and checks whose it is.
func (b *Biller) parsePayload(body []byte) (payload, error) {
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return p, fmt.Errorf("%w: not an event", ErrWebhook)
	}
	customer := p.Data.Object.customer()
	for _, id := range []string{p.ID, p.Type, customer} {
		if len(id) > maxID || strings.ContainsRune(id, 0) {
			return p, fmt.Errorf("%w: an id", ErrWebhook)
		}
	}
	switch {
	case p.ID == "" || p.Type == "":
		return p, fmt.Errorf("%w: no id or no type", ErrWebhook)
	case p.Livemode == nil || *p.Livemode != b.account.Live:
		return p, fmt.Errorf("%w: the mode", ErrWebhook)
	case p.Account != b.account.ID:
		return p, fmt.Errorf("%w: the account", ErrWebhook)
	}
	return p, nil
}

// telling are the beginnings of the types after which a customer's subscription may have changed.
var telling = []string{
	"customer.subscription.", "invoice.", "checkout.session.", "subscription_schedule.", "customer.created", "customer.deleted",
}

// tells says whether an event may have an effect here.
func (p payload) tells() bool {
	if p.Data.Object.customer() == "" {
		return false
	}
	for _, t := range telling {
		if strings.HasPrefix(p.Type, t) {
			return true
		}
	}
	return false
}

// path makes an id a segment of a path.
func path(id string) string { return url.PathEscape(id) }
