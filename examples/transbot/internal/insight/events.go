package insight

import (
	"time"

	"github.com/transbotai/tenon/kpi"
)

// The platform's events.
const (
	QuoteCreated       = "quote_created"
	QuoteSent          = "quote_sent"
	QuoteAccepted      = "quote_accepted"
	LoadBooked         = "load_booked"
	DirectoryInvited   = "directory_invited"
	DirectoryOnboarded = "directory_onboarded"
)

func text(required bool) kpi.PropertyType {
	return kpi.PropertyType{Type: kpi.TypeText, Required: required}
}

func number() kpi.PropertyType { return kpi.PropertyType{Type: kpi.TypeNumber, Required: true} }

// registry says what the events tell. No other is taken.
var registry = &kpi.Registry{Events: map[string]kpi.EventType{
	QuoteCreated:       {Properties: map[string]kpi.PropertyType{"quote_id": text(true), "amount": number(), "lanes": number()}},
	QuoteSent:          {Properties: map[string]kpi.PropertyType{"quote_id": text(true), "recipients": number()}},
	QuoteAccepted:      {Properties: map[string]kpi.PropertyType{"quote_id": text(true), "acceptance_time_hours": number()}},
	LoadBooked:         {Properties: map[string]kpi.PropertyType{"quote_id": text(true), "booking_value": number()}},
	DirectoryInvited:   {Properties: map[string]kpi.PropertyType{"partner_id": text(true), "partner_type": text(true)}},
	DirectoryOnboarded: {Properties: map[string]kpi.PropertyType{"partner_id": text(true), "onboarding_time_days": number()}},
}}

// Deed is something that a company, or somebody of it, did at an instant.
type Deed struct {
	Company string
	User    string // may be empty
	At      time.Time
}

// event has a key that follows from what it is about, so that it counts once however often it is told.
func (d Deed) event(name, about string, properties map[string]any) kpi.Event {
	return kpi.Event{Tenant: d.Company, User: d.User, Name: name, Key: name + "/" + about, At: d.At, Properties: properties}
}

// Created tells that a quote was made.
func (d Deed) Created(quote string, cents int64, lanes int) kpi.Event {
	return d.event(QuoteCreated, quote, map[string]any{"quote_id": quote, "amount": dollars(cents), "lanes": lanes})
}

// Sent tells that a quote was sent to so many people.
func (d Deed) Sent(quote string, recipients int) kpi.Event {
	return d.event(QuoteSent, quote, map[string]any{"quote_id": quote, "recipients": recipients})
}

// Accepted tells that a quote was accepted, so long after it was sent.
func (d Deed) Accepted(quote string, after time.Duration) kpi.Event {
	return d.event(QuoteAccepted, quote, map[string]any{"quote_id": quote, "acceptance_time_hours": after.Hours()})
}

// Booked tells that a load was booked at a quote's price.
func (d Deed) Booked(quote string, cents int64) kpi.Event {
	return d.event(LoadBooked, quote, map[string]any{"quote_id": quote, "booking_value": dollars(cents)})
}

// Invited tells that a partner was invited to the directory.
func (d Deed) Invited(partner, kind string) kpi.Event {
	return d.event(DirectoryInvited, partner, map[string]any{"partner_id": partner, "partner_type": kind})
}

// Onboarded tells that a partner is listed in the directory, so long after it was invited.
func (d Deed) Onboarded(partner string, after time.Duration) kpi.Event {
	return d.event(DirectoryOnboarded, partner, map[string]any{"partner_id": partner, "onboarding_time_days": after.Hours() / 24})
}

func dollars(cents int64) kpi.Amount { return kpi.Amount(cents * 10_000) }
