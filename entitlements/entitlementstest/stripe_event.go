package entitlementstest

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
)

var eventCalls = []endpoint{
	{"GET /v1/events", pageParams + "type types delivery_success", (*Biller).listEvents},
	{"GET /v1/events/{id}", "", func(b *Biller, c *call) any { return lookup[*event](b, "event", "id", c.id) }},
	{"GET /v1/account", "", func(b *Biller, _ *call) any {
		return object{
			"id": b.opts.Account, "object": "account", "charges_enabled": true, "country": "US", "default_currency": "usd",
			"details_submitted": true, "email": nil, "payouts_enabled": true, "type": "standard",
		}
	}},
}

// event is something that happened, with the object as it was then.
type event struct {
	id, kind        string
	created         time.Time
	live, delivered bool
	then, thenNewer object
	before          object // what changed had been
}

func (e *event) ref() string { return e.id }

func (e *event) render(v version) object {
	data := object{"object": e.then}
	if v.newer() {
		data["object"] = e.thenNewer
	}
	if e.before != nil {
		data["previous_attributes"] = e.before
	}
	pending := 1
	if e.delivered {
		pending = 0
	}
	return object{
		"id": e.id, "object": "event", "api_version": string(v), "created": e.created.Unix(), "data": data, "livemode": e.live,
		"pending_webhooks": pending, "request": object{"id": nil, "idempotency_key": nil}, "type": e.kind,
	}
}

// emit writes down that something happened to t.
func (b *Biller) emit(kind string, t thing) { b.emitChange(kind, t, nil) }

func (b *Biller) emitChange(kind string, t thing, before object) {
	e := &event{
		id: b.newID("evt"), kind: kind, created: b.now, live: b.opts.Live, before: before,
		then: t.render(StripeVersion), thenNewer: t.render(StripeNewer),
	}
	b.add("events", e)
	b.enqueue(e)
}

// change does something to t and emits the event when that changed it.
func (b *Biller) change(kind string, t thing, do func()) {
	before := t.render(StripeVersion)
	do()
	after := t.render(StripeVersion)
	previous := object{}
	for name, value := range before {
		if !reflect.DeepEqual(value, after[name]) {
			previous[name] = value
		}
	}
	if len(previous) > 0 {
		b.emitChange(kind, t, previous)
	}
}

func (b *Biller) listEvents(c *call) any {
	types := c.form.texts("types")
	if c.form.has("type") {
		types = append(types, c.form.str("type"))
	}
	return page(b, c, "events", func(e *event) bool {
		known := types == nil || slices.ContainsFunc(types, func(t string) bool {
			prefix, all := strings.CutSuffix(t, "*")
			return t == e.kind || all && strings.HasPrefix(e.kind, prefix)
		})
		return known && c.form.within("created", e.created) && b.now.Sub(e.created) < 30*day &&
			(!c.form.has("delivery_success") || c.form.boolean("delivery_success", true) == e.delivered)
	})
}

// BillerEvent names an event of a [Biller].
type BillerEvent struct {
	ID, Type string
	Created  time.Time
}

// Events returns all events, oldest first.
func (b *Biller) Events() []BillerEvent {
	defer b.enter()()
	var found []BillerEvent
	for _, e := range each[*event](b, "events") {
		found = append(found, BillerEvent{ID: e.id, Type: e.kind, Created: e.created})
	}
	return found
}

// Payload returns the body of an event's webhook in the shape of a version, [StripeVersion] or [StripeNewer]; nil when
// there is no such event.
func (b *Biller) Payload(eventID, apiVersion string) []byte {
	defer b.enter()()
	e, ok := b.things[eventID].(*event)
	if !ok {
		return nil
	}
	return encode(e.render(version(apiVersion)))
}

var _ http.Handler = (*Biller)(nil)
