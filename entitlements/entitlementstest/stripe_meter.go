package entitlementstest

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// What Stripe keeps of meter events: an identifier counts once within meterMemory, which is also how long an event can be
// taken back; an event may be so old, and so far ahead.
const (
	meterMemory = 24 * time.Hour
	meterPast   = 35 * day
	meterAhead  = 5 * time.Minute
)

var meterCalls = []endpoint{
	{"POST /v1/billing/meters", "display_name event_name default_aggregation customer_mapping value_settings event_time_window", (*Biller).createMeter},
	{"GET /v1/billing/meters", pageParams + "status", func(b *Biller, c *call) any {
		return page(b, c, "billing/meters", func(m *meter) bool { return c.form.matches("status", m.status()) })
	}},
	{"GET /v1/billing/meters/{id}", "", func(b *Biller, c *call) any { return lookup[*meter](b, "meter", "id", c.id) }},
	{"POST /v1/billing/meters/{id}/deactivate", "", func(b *Biller, c *call) any { return b.switchMeter(c, b.now) }},
	{"POST /v1/billing/meters/{id}/reactivate", "", func(b *Biller, c *call) any { return b.switchMeter(c, time.Time{}) }},
	{"GET /v1/billing/meters/{id}/event_summaries", pageParams + "customer start_time end_time value_grouping_window", (*Biller).summarize},
	{"POST /v1/billing/meter_events", "event_name payload identifier timestamp", (*Biller).createMeterEvent},
	{"POST /v1/billing/meter_event_adjustments", "event_name type cancel", (*Biller).adjustMeterEvent},
}

type meter struct {
	id, name, event, formula, customerKey, valueKey string
	created, deactivated                            time.Time
	live                                            bool
}

// meterEvent is one report of use.
type meterEvent struct {
	event, identifier, customer string
	value                       int64
	payload                     map[string]string
	at, received                time.Time
	taken                       bool // taken back
	live                        bool
}

func (m *meter) ref() string { return m.id }

func (m *meter) status() string {
	if m.deactivated.IsZero() {
		return statusActive
	}
	return "inactive"
}

func (m *meter) render(version) object {
	return object{
		"id": m.id, "object": "billing.meter", "created": m.created.Unix(), "customer_mapping": object{"event_payload_key": m.customerKey, "type": "by_id"},
		"default_aggregation": object{"formula": m.formula}, "display_name": m.name, "event_name": m.event, "event_time_window": nil,
		"livemode": m.live, "status": m.status(), "status_transitions": object{"deactivated_at": stamp(m.deactivated)},
		"updated": m.created.Unix(), "value_settings": object{"event_payload_key": m.valueKey},
	}
}

// ref is the key under which an identifier is remembered; events are not looked up by it.
func (e *meterEvent) ref() string { return "identifier " + e.event + " " + e.identifier }

func (e *meterEvent) render(version) object {
	return object{
		"object": "billing.meter_event", "created": e.received.Unix(), "event_name": e.event, "identifier": e.identifier,
		"livemode": e.live, "payload": e.payload, "timestamp": e.at.Unix(),
	}
}

func (b *Biller) createMeter(c *call) any {
	f := &c.form
	m := &meter{
		id: b.newID("mtr"), name: f.need("display_name"), event: f.need("event_name"), created: b.now, live: b.opts.Live,
		customerKey: "stripe_customer_id", valueKey: "value", formula: f.sub("default_aggregation").oneOf("formula", "sum", "count", "last"),
	}
	if key := f.sub("customer_mapping").str("event_payload_key"); key != "" {
		m.customerKey = key
	}
	if key := f.sub("value_settings").str("event_payload_key"); key != "" {
		m.valueKey = key
	}
	if b.meterFor(m.event) != nil {
		refuse(invalid("event_name", "An active meter with event name %s already exists.", m.event))
	}
	b.add("billing/meters", m)
	b.emit("billing.meter.created", m)
	return m
}

// meterFor returns the active meter that counts the events of a name; nil when there is none.
func (b *Biller) meterFor(event string) *meter {
	all := each[*meter](b, "billing/meters")
	if i := slices.IndexFunc(all, func(m *meter) bool { return m.event == event && m.deactivated.IsZero() }); i >= 0 {
		return all[i]
	}
	return nil
}

func (b *Biller) switchMeter(c *call, off time.Time) any {
	m := lookup[*meter](b, "meter", "id", c.id)
	b.change("billing.meter.updated", m, func() { m.deactivated = off })
	return m
}

func (b *Biller) createMeterEvent(c *call) any {
	f := &c.form
	m := b.meterFor(f.need("event_name"))
	if m == nil {
		refuse(invalid("event_name", "No active meter found for event name %s.", f.str("event_name")))
	}
	e := &meterEvent{
		event: m.event, identifier: f.str("identifier"), payload: f.merge("payload", nil), received: b.now, live: b.opts.Live,
		at: f.instant("timestamp", b.now), customer: f.sub("payload").need(m.customerKey),
	}
	if e.identifier == "" {
		e.identifier = b.newID("idmp")
	}
	if len(e.identifier) > 100 {
		refuse(invalid("identifier", "Invalid string: must be at most 100 characters"))
	}
	if e.at.IsZero() {
		e.at = b.now
	}
	e.value = f.sub("payload").integer(m.valueKey, 0)
	b.acceptable(e)
	b.things[e.ref()] = e
	b.kinds["meter_events"] = append(b.kinds["meter_events"], e)
	return e
}

// acceptable refuses an event whose customer is unknown, whose time is too far away or whose identifier is known.
func (b *Biller) acceptable(e *meterEvent) {
	b.living("payload[stripe_customer_id]", e.customer)
	bad := func(code, message string) {
		refuse(&apiError{status: http.StatusBadRequest, kind: invalidRequest, code: code, param: "timestamp", message: message})
	}
	if e.at.Before(b.now.Add(-meterPast)) {
		bad("timestamp_too_far_in_past", "The timestamp must be within the past 35 calendar days.")
	}
	if e.at.After(b.now.Add(meterAhead)) {
		bad("timestamp_in_future", "The timestamp must be no more than 5 minutes in the future.")
	}
	if before, ok := b.things[e.ref()].(*meterEvent); ok && b.now.Sub(before.received) < meterMemory {
		refuse(invalid("", "An event already exists with identifier %s.", e.identifier))
	}
}

func (b *Biller) adjustMeterEvent(c *call) any {
	f := &c.form
	id := f.sub("cancel").need("identifier")
	f.oneOf("type", "cancel")
	e, ok := b.things["identifier "+f.need("event_name")+" "+id].(*meterEvent)
	switch {
	case !ok:
		refuse(invalid("cancel[identifier]", "No meter event found with identifier %s.", id))
	case e.taken:
		refuse(invalid("cancel[identifier]", "The meter event with identifier %s has already been canceled.", id))
	case b.now.Sub(e.received) > meterMemory:
		refuse(invalid("cancel[identifier]", "The meter event with identifier %s was received more than 24 hours ago.", id))
	}
	e.taken = true
	return object{
		"object": "billing.meter_event_adjustment", "cancel": object{"identifier": id}, "event_name": e.event, "livemode": e.live,
		"status": "pending", "type": "cancel",
	}
}

// usage is what the meter counted of the customer within the span.
func (b *Biller) usage(customerID, meterID string, within span) (used int64) {
	m, ok := b.things[meterID].(*meter)
	if !ok {
		return 0
	}
	for _, e := range each[*meterEvent](b, "meter_events") {
		if e.event != m.event || e.customer != customerID || e.taken || e.at.Before(within.from) || !e.at.Before(within.to) {
			continue
		}
		switch m.formula {
		case "count":
			used++
		case "last":
			used = e.value
		default:
			used += e.value
		}
	}
	return max(used, 0)
}

func (b *Biller) summarize(c *call) any {
	m := lookup[*meter](b, "meter", "id", c.id)
	f := &c.form
	within := span{f.instant("start_time", b.now), f.instant("end_time", b.now)}
	id := "mtrusg_" + strconv.FormatInt(within.from.Unix(), 10)
	one := object{
		"id": id, "object": "billing.meter_event_summary", "meter": m.id, "livemode": m.live, "start_time": stamp(within.from),
		"end_time": stamp(within.to), "aggregated_value": b.usage(f.need("customer"), m.id, within),
	}
	return object{"object": "list", "data": []any{one}, "has_more": false, "url": "/v1/billing/meters/" + m.id + "/event_summaries"}
}
