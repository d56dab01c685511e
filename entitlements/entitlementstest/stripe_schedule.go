package entitlementstest

import (
	"slices"
	"time"
)

const scheduleFields = "phases end_behavior default_settings metadata proration_behavior "

var scheduleCalls = []endpoint{
	{"POST /v1/subscription_schedules", scheduleFields + "customer from_subscription start_date", (*Biller).createSchedule},
	{"GET /v1/subscription_schedules", pageParams + "customer scheduled", func(b *Biller, c *call) any {
		return page(b, c, "subscription_schedules", func(sc *schedule) bool {
			return c.form.matches("customer", sc.customer) && c.form.within("created", sc.created)
		})
	}},
	{"GET /v1/subscription_schedules/{id}", "", func(b *Biller, c *call) any { return b.scheduleOf(c.id) }},
	{"POST /v1/subscription_schedules/{id}", scheduleFields, (*Biller).updateSchedule},
	{"POST /v1/subscription_schedules/{id}/release", "preserve_cancel_date", (*Biller).releaseSchedule},
	{"POST /v1/subscription_schedules/{id}/cancel", "invoice_now prorate", (*Biller).cancelSchedule},
}

// The states of a schedule that a subscription does not have.
const (
	scheduleNotStarted = "not_started"
	scheduleReleased   = "released"
	scheduleCompleted  = "completed"
)

type schedule struct {
	id, customer, subscription, status, ending string
	phases                                     []*phase
	metadata                                   map[string]string
	isLive                                     bool
	created, canceledAt, releasedAt, completed time.Time
	releasedFrom                               string
	at                                         int // the phase under way
}

// phase is what a subscription is for a while.
type phase struct {
	start, end, trialEnd time.Time
	items                []phaseItem
	prorate              string
	metadata             map[string]string
}

type phaseItem struct {
	price    *price
	quantity int64
}

func (sc *schedule) ref() string { return sc.id }
func (sc *schedule) live() bool  { return sc.status == statusActive || sc.status == scheduleNotStarted }

func (sc *schedule) render(version) object {
	phases := []any{}
	for _, p := range sc.phases {
		phases = append(phases, p.render())
	}
	out := object{
		"id": sc.id, "object": "subscription_schedule", "application": nil, "canceled_at": stamp(sc.canceledAt),
		"completed_at": stamp(sc.completed), "created": sc.created.Unix(), "current_phase": nil, "customer": sc.customer,
		"default_settings": object{"billing_cycle_anchor": "automatic", "collection_method": "charge_automatically"},
		"end_behavior":     sc.ending, "livemode": sc.isLive, "metadata": sc.metadata, "phases": phases, "released_at": stamp(sc.releasedAt),
		"released_subscription": orNull(sc.releasedFrom), "status": sc.status, "subscription": orNull(sc.subscription), "test_clock": nil,
	}
	if sc.status == statusActive {
		p := sc.phases[sc.at]
		out["current_phase"] = object{"start_date": p.start.Unix(), "end_date": p.end.Unix()}
	}
	return out
}

func (p *phase) render() object {
	items := []any{}
	for _, i := range p.items {
		items = append(items, object{"price": i.price.id, "quantity": i.quantity, "metadata": object{}})
	}
	return object{
		"start_date": p.start.Unix(), "end_date": p.end.Unix(), "items": items, "add_invoice_items": []any{}, "metadata": p.metadata,
		"proration_behavior": p.prorate, "trial_end": stamp(p.trialEnd), "collection_method": nil, "currency": "usd",
	}
}

func (b *Biller) scheduleOf(id string) *schedule {
	return lookup[*schedule](b, "subscription schedule", "id", id)
}

func (b *Biller) createSchedule(c *call) any {
	f := &c.form
	sc := &schedule{
		id: b.newID("sub_sched"), created: b.now, isLive: b.opts.Live, ending: f.oneOf("end_behavior", "release", "cancel"),
		metadata: f.merge("metadata", nil), status: scheduleNotStarted,
	}
	if id := f.str("from_subscription"); id != "" {
		s := b.changeable("from_subscription", id)
		if s.schedule != "" {
			refuse(invalid("", "You cannot migrate a subscription that is already attached to a schedule: %s", s.schedule))
		}
		sc.customer, sc.subscription, sc.status = s.customer, s.id, statusActive
		sc.phases = []*phase{{start: s.periodStart, end: s.periodEnd, items: phaseItems(s), prorate: "create_prorations", trialEnd: s.trialEnd}}
		b.add("subscription_schedules", sc)
		b.emit("subscription_schedule.created", sc)
		b.change("customer.subscription.updated", s, func() { s.schedule = sc.id })
		return sc
	}
	sc.customer = b.living("customer", f.need("customer")).id
	sc.phases = b.readPhases(f, f.instant("start_date", b.now))
	b.add("subscription_schedules", sc)
	b.emit("subscription_schedule.created", sc)
	if !sc.phases[0].start.After(b.now) {
		b.stepSchedule(sc)
	}
	return sc
}

func phaseItems(s *subscription) []phaseItem {
	var items []phaseItem
	for _, i := range s.items {
		items = append(items, phaseItem{i.price, i.quantity})
	}
	return items
}

// readPhases returns the phases of a call, each beginning where the one before ends.
func (b *Biller) readPhases(f *form, start time.Time) []*phase {
	if len(f.list("phases")) == 0 {
		f.need("phases")
	}
	if start.IsZero() {
		start = b.now
	}
	var phases []*phase
	for _, one := range f.list("phases") {
		p := &phase{
			start: start, prorate: one.oneOf("proration_behavior", "create_prorations", "always_invoice", "none"),
			metadata: one.merge("metadata", nil), trialEnd: one.instant("trial_end", b.now),
		}
		if one.has("start_date") {
			p.start = one.instant("start_date", b.now)
		}
		for _, i := range one.list("items") {
			p.items = append(p.items, phaseItem{lookup[*price](b, "price", i.join("price"), i.need("price")), i.integer("quantity", 1)})
		}
		if len(p.items) == 0 {
			one.need("items")
		}
		p.end = one.instant("end_date", b.now)
		if p.end.IsZero() {
			first := p.items[0].price
			p.end = afterIntervals(p.start, first.interval, first.every*one.integer("iterations", 1))
		}
		if !p.end.After(p.start) {
			refuse(invalid(one.join("end_date"), "The subscription schedule's phase must end after it starts."))
		}
		phases = append(phases, p)
		start = p.end
	}
	return phases
}

func (b *Biller) updateSchedule(c *call) any {
	f := &c.form
	sc := b.scheduleOf(c.id)
	if !sc.live() {
		refuse(invalid("", "You cannot update a subscription schedule that is in the `%s` status.", sc.status))
	}
	b.change("subscription_schedule.updated", sc, func() {
		sc.metadata = f.merge("metadata", sc.metadata)
		sc.ending = f.oneOf("end_behavior", sc.ending, "release", "cancel")
		if !f.has("phases") {
			return
		}
		phases := b.readPhases(f, sc.phases[sc.at].start)
		at := slices.IndexFunc(phases, func(p *phase) bool { return !p.start.After(b.now) && p.end.After(b.now) })
		if sc.status == statusActive && at < 0 {
			refuse(invalid("phases", "The subscription schedule's current phase must be among its phases."))
		}
		sc.phases, sc.at = phases, max(at, 0)
	})
	return sc
}

func (b *Biller) releaseSchedule(c *call) any {
	sc := b.scheduleOf(c.id)
	if !sc.live() {
		refuse(invalid("", "You cannot release a subscription schedule that is in the `%s` status.", sc.status))
	}
	b.release(sc, scheduleReleased)
	return sc
}

// release lets the subscription go on by itself.
func (b *Biller) release(sc *schedule, status string) {
	sc.status, sc.releasedAt, sc.releasedFrom = status, b.now, sc.subscription
	if status == scheduleCompleted {
		sc.completed = b.now
	}
	if s, ok := b.things[sc.subscription].(*subscription); ok {
		b.change("customer.subscription.updated", s, func() { s.schedule = "" })
	}
	sc.subscription = ""
	b.emit("subscription_schedule."+status, sc)
}

func (b *Biller) cancelSchedule(c *call) any {
	sc := b.scheduleOf(c.id)
	if !sc.live() {
		refuse(invalid("", "You cannot cancel a subscription schedule that is in the `%s` status.", sc.status))
	}
	if s, ok := b.things[sc.subscription].(*subscription); ok && !s.over() {
		b.end(s, "cancellation_requested")
		return sc
	}
	sc.status, sc.canceledAt = statusCanceled, b.now
	b.emit("subscription_schedule.canceled", sc)
	return sc
}

// nextStep returns when the schedule's next phase begins or its last one ends; zero when it is over.
func (sc *schedule) nextStep() time.Time {
	switch sc.status {
	case scheduleNotStarted:
		return sc.phases[0].start
	case statusActive:
		return sc.phases[sc.at].end
	}
	return time.Time{}
}

// stepSchedule goes to the next phase.
func (b *Biller) stepSchedule(sc *schedule) {
	s, exists := b.things[sc.subscription].(*subscription)
	switch {
	case !exists:
		sc.status = statusActive
		s = b.newSubscription(sc.customer)
		sc.subscription, s.schedule, s.trialEnd = s.id, sc.id, sc.phases[0].trialEnd
		s.items = b.itemsOf(s, sc.phases[0])
		b.begin(s, "allow_incomplete")
	case sc.at+1 < len(sc.phases):
		sc.at++
		p := sc.phases[sc.at]
		b.change("customer.subscription.updated", s, func() { b.replace(s, b.itemsOf(s, p), b.phaseProrate(s, p), b.now) })
		b.emit("subscription_schedule.updated", sc)
	case sc.ending == "cancel":
		b.end(s, "cancellation_requested")
	default:
		b.release(sc, scheduleReleased)
	}
}

// phaseProrate is what a phase prorates: nothing where it begins with the period.
func (b *Biller) phaseProrate(s *subscription, p *phase) string {
	if !b.now.Before(s.periodEnd) {
		return "none"
	}
	return p.prorate
}

// itemsOf returns the items of a phase; those whose price stays keep their ids.
func (b *Biller) itemsOf(s *subscription, p *phase) []*item {
	var items []*item
	for _, want := range p.items {
		i := &item{subscription: s.id, of: s, created: b.now, price: want.price, quantity: want.quantity, metadata: map[string]string{}}
		if at := slices.IndexFunc(s.items, func(old *item) bool { return old.price == want.price }); at >= 0 {
			i.id, i.created = s.items[at].id, s.items[at].created
		} else {
			i.id = b.newID("si")
		}
		items = append(items, i)
	}
	return items
}
