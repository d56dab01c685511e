package entitlements

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/transbotai/tenon/internal/tell"

	"github.com/transbotai/tenon"
)

var (
	_ BillingStore  = (*MemoryStore)(nil)
	_ UsageOutbox   = (*MemoryStore)(nil)
	_ TrialReminder = (*MemoryStore)(nil)
)

// memoryBilling is what a MemoryStore keeps for billers.
type memoryBilling struct {
	customers map[string]BillingCustomer // by tenant
	events    map[string]BillingEvent    // by id
	leases    map[string]memoryLease     // by customer
	usage     map[UsageWindow][]UsageLine
	reminded  map[trialReminder]bool
}

type memoryLease struct {
	holder string
	until  time.Time
}

func newMemoryBilling() memoryBilling {
	return memoryBilling{
		customers: map[string]BillingCustomer{}, events: map[string]BillingEvent{}, leases: map[string]memoryLease{},
		usage: map[UsageWindow][]UsageLine{}, reminded: map[trialReminder]bool{},
	}
}

// LeaseCustomer implements [BillingStore].
func (s *MemoryStore) LeaseCustomer(_ context.Context, r LeaseRequest) (Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := Lease{Customer: r.Customer, Holder: r.Holder, Event: s.billing.events[r.Event]}
	if c, ok := s.linked(r.Customer); ok {
		l.Link, l.Rights = c, s.tenant(c.Tenant).rights.Clone()
		l.Rights.Overrides, l.Rights.Grants = nil, nil
	}
	if l.Event.State.Final() || r.TTL <= 0 {
		return l, nil
	}
	now := time.Now()
	if there, ok := s.billing.leases[r.Customer]; ok && there.holder != r.Holder && now.Before(there.until) {
		return l, nil
	}
	s.billing.leases[r.Customer], l.Held = memoryLease{r.Holder, now.Add(r.TTL)}, true
	return l, nil
}

func (s *MemoryStore) linked(customer string) (BillingCustomer, bool) {
	for _, c := range s.billing.customers {
		if c.Customer == customer {
			return c, true
		}
	}
	return BillingCustomer{}, false
}

// Conclude implements [BillingStore].
func (s *MemoryStore) Conclude(ctx context.Context, c Conclusion) (*Rights, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if there, ok := s.billing.leases[c.Customer]; c.Customer != "" && (!ok || there.holder != c.Holder || !time.Now().Before(there.until)) {
		return nil, ErrLeaseLost
	}
	before := s.billing.events[c.Event.ID]
	if before.State.Final() {
		delete(s.billing.leases, c.Customer)
		return nil, nil
	}
	if err := s.notifyAll(ctx, c.Notices); err != nil {
		return nil, err
	}
	var rights *Rights
	if c.Edit != nil {
		var err error
		if rights, err = s.change(ctx, c.Tenant, c.Now, c.Edit); err != nil {
			return nil, err
		}
	}
	if c.Event.ID != "" {
		c.Event.ReceivedAt = orElse(before.ReceivedAt, c.Event.ReceivedAt)
		s.billing.events[c.Event.ID] = c.Event
	}
	if link, ok := s.billing.customers[c.Tenant]; ok && c.Paid && link.PaidAt.IsZero() {
		link.PaidAt = c.Now
		s.billing.customers[c.Tenant] = link
	}
	delete(s.billing.leases, c.Customer)
	return rights, nil
}

func (s *MemoryStore) notifyAll(ctx context.Context, notices []tenon.Notification) error {
	return tell.News(ctx, s.options.Notifier, notices)
}

// LinkCustomer implements [BillingStore].
func (s *MemoryStore) LinkCustomer(_ context.Context, c BillingCustomer) (BillingCustomer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if there, ok := s.billing.customers[c.Tenant]; ok {
		return there, nil
	}
	if _, taken := s.linked(c.Customer); taken {
		return BillingCustomer{}, ErrCustomerTaken
	}
	s.billing.customers[c.Tenant] = c
	return c, nil
}

// Customers implements [BillingStore].
func (s *MemoryStore) Customers(_ context.Context, q CustomerQuery) ([]BillingCustomer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []BillingCustomer
	for _, c := range s.billing.customers {
		if (q.Tenant == "" || c.Tenant == q.Tenant) && (q.Customer == "" || c.Customer == q.Customer) && c.Tenant > q.After {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b BillingCustomer) int { return cmp.Compare(a.Tenant, b.Tenant) })
	return first(found, q.Limit), nil
}

// BillingEvents implements [BillingStore].
func (s *MemoryStore) BillingEvents(_ context.Context, q EventQuery) ([]BillingEvent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []BillingEvent
	for _, e := range s.billing.events {
		if q.matches(e) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b BillingEvent) int { return cmp.Compare(a.ID, b.ID) })
	return first(found, q.Limit), nil
}

func (q EventQuery) matches(e BillingEvent) bool {
	return (q.ID == "" || e.ID == q.ID) && (q.State == "" || e.State == q.State) && e.ID > q.After &&
		(q.DueBy.IsZero() || !e.NextAt.After(q.DueBy))
}

// first returns at most limit of all.
func first[T any](all []T, limit int) []T { return all[:min(len(all), PageSize(limit))] }

// PlanUsage implements [UsageOutbox].
func (s *MemoryStore) PlanUsage(_ context.Context, w UsageWindow, plan func([]UsageLine) ([]UsageLine, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines, err := plan(slices.Clone(s.billing.usage[w]))
	if err != nil {
		return err
	}
	for _, l := range lines {
		if l.Revision > len(s.billing.usage[w]) {
			s.billing.usage[w] = append(s.billing.usage[w], l)
		}
	}
	return nil
}

// TakeUsage implements [UsageOutbox].
func (s *MemoryStore) TakeUsage(_ context.Context, now, until time.Time, limit int) ([]UsageLine, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var taken []UsageLine
	for _, lines := range s.billing.usage {
		i := slices.IndexFunc(lines, func(l UsageLine) bool { return l.State == UsagePending })
		if i >= 0 && !lines[i].NextAt.After(now) {
			taken = append(taken, lines[i])
		}
	}
	slices.SortFunc(taken, func(a, b UsageLine) int { return cmp.Or(a.NextAt.Compare(b.NextAt), a.compare(b)) })
	taken = taken[:min(len(taken), limit)]
	for i := range taken {
		taken[i].NextAt = until
		*s.usageLine(taken[i]) = taken[i]
	}
	return taken, nil
}

func (s *MemoryStore) usageLine(l UsageLine) *UsageLine {
	lines := s.billing.usage[l.UsageWindow]
	if l.Revision < 1 || l.Revision > len(lines) {
		return nil
	}
	return &lines[l.Revision-1]
}

func (l UsageLine) compare(other UsageLine) int {
	return cmp.Or(cmp.Compare(l.Tenant, other.Tenant), cmp.Compare(l.Meter, other.Meter), l.Start.Compare(other.Start),
		cmp.Compare(l.Revision, other.Revision))
}

// SettleUsage implements [UsageOutbox].
func (s *MemoryStore) SettleUsage(ctx context.Context, l UsageLine, notices []tenon.Notification) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := s.usageLine(l)
	if there == nil || there.State != UsagePending {
		return nil
	}
	if err := s.notifyAll(ctx, notices); err != nil {
		return err
	}
	there.State, there.Attempts, there.Error, there.NextAt, there.SettledAt = l.State, l.Attempts, l.Error, l.NextAt, l.SettledAt
	return nil
}

// UsageLines implements [UsageOutbox].
func (s *MemoryStore) UsageLines(_ context.Context, q UsageLineQuery) ([]UsageLine, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []UsageLine
	for _, lines := range s.billing.usage {
		for _, l := range lines {
			if q.matches(l) {
				found = append(found, l)
			}
		}
	}
	slices.SortFunc(found, UsageLine.compare)
	return first(found, q.Limit), nil
}

func (q UsageLineQuery) matches(l UsageLine) bool {
	return (q.Tenant == "" || l.Tenant == q.Tenant) && (q.State == "" || l.State == q.State) &&
		(q.Before.IsZero() || l.CreatedAt.Before(q.Before))
}

// RemindOfTrials implements [TrialReminder].
func (s *MemoryStore) RemindOfTrials(ctx context.Context, now time.Time, leads []time.Duration) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := 0
	for _, t := range s.tenants {
		e := t.rights.Entitlement
		if e == nil {
			continue
		}
		lead, due := e.ReminderDue(now, leads)
		key := trialReminder{t.rights.Tenant, e.TrialEndsAt.UnixMicro(), lead}
		if !due || s.billing.reminded[key] {
			continue
		}
		if err := s.notifyAll(ctx, []tenon.Notification{e.Reminder(t.rights.Tenant, lead, now)}); err != nil {
			return told, err
		}
		s.billing.reminded[key] = true
		told++
	}
	return told, nil
}

type trialReminder struct {
	tenant string
	ends   int64
	lead   time.Duration
}
