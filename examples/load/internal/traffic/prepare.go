package traffic

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
)

const insertCompany = `
insert into public.companies (id, name, kind, city, created_at)
values ($1, $2, 'shipper', 'Reno, NV', $3)`

// A key is kept as its SHA-256.
const insertKey = `
insert into public.api_keys (company_id, id, name, hash, created_at, expires_at)
values ($1, $2, 'load', $3, $4, $5)`

// keyFor is how long the keys of the traffic are good.
const keyFor = 24 * time.Hour

// Prepare adds n companies with plans, keys and a past to the platform's database. Their names begin with name.
func Prepare(ctx context.Context, pool *pgxpool.Pool, name string, n int) ([]*Tenant, error) {
	ctx = audit.Job(ctx, "load")
	gate := entitlements.NewGate(entitlementspg.New(pool, nil), nil)
	all := make([]*Tenant, n)
	for i := range all {
		all[i] = newTenant(fmt.Sprintf("%s-%03d", name, i), profiles[i%len(profiles)])
		if err := all[i].found(ctx, pool, gate); err != nil {
			return nil, fmt.Errorf("%s: %w", all[i].ID, err)
		}
	}
	return all, switchFlags(ctx, pool, all)
}

func newKey() string { return "tb_" + strings.ToLower(rand.Text()) }

// found makes the company a customer.
func (t *Tenant) found(ctx context.Context, pool *pgxpool.Pool, gate *entitlements.Gate) error {
	now := time.Now()
	var b pgx.Batch
	b.Queue(insertCompany, t.ID, "The "+t.ID+" company", now)
	for _, key := range append([]string{t.key}, t.spare...) {
		hash := sha256.Sum256([]byte(key))
		b.Queue(insertKey, t.ID, tenon.NewID(now), hash[:], now, now.Add(keyFor))
	}
	if err := pool.SendBatch(ctx, &b).Close(); err != nil {
		return err
	}
	if _, err := gate.Subscribe(ctx, entitlements.Subscription{Tenant: t.ID, Plan: t.Plan}); err != nil {
		return err
	}
	for feature, n := range t.Used {
		if err := gate.Record(ctx, entitlements.Use{Tenant: t.ID, Feature: feature, Quantity: n}); err != nil {
			return err
		}
	}
	return nil
}

// switchFlags switches on and off what the companies' profiles say.
func switchFlags(ctx context.Context, pool *pgxpool.Pool, all []*Tenant) error {
	set := flags.NewSet(flagspg.New(pool, nil), nil)
	name := func(variant string, chosen func(*Tenant) bool) func(*flags.Definition) error {
		return func(d *flags.Definition) error {
			for _, t := range all {
				if chosen(t) {
					if d.Tenants == nil {
						d.Tenants = map[string]string{}
					}
					d.Tenants[t.ID] = variant
				}
			}
			return nil
		}
	}
	_, err := set.Edit(ctx, "bulk_rating", name("on", func(t *Tenant) bool { return t.bulk }), "load")
	if err == nil {
		_, err = set.Edit(ctx, "rates", name("off", func(t *Tenant) bool { return t.shut }), "load")
	}
	return err
}

// Await returns when every instance knows what is switched on for whom.
func (t *Traffic) Await(ctx context.Context) error {
	for house := range t.client.houses {
		for _, tenant := range t.tenants[:min(len(profiles), len(t.tenants))] {
			if err := t.await(ctx, tenant, house); err != nil {
				return err
			}
		}
	}
	return nil
}

// await asks for the flags of one company, which are counted nowhere but in the requests.
func (t *Traffic) await(ctx context.Context, tenant *Tenant, house int) error {
	for {
		known := 0
		for flag, want := range map[string]bool{"bulk_rating": tenant.bulk, "rates": !tenant.shut} {
			q := request{kind: Ask, tenant: tenant, path: "/api/flags/" + flag}
			a := t.client.do(ctx, q, house)
			tenant.hear(q, a)
			if a.status == http.StatusOK && strings.Contains(string(a.body), fmt.Sprintf(`"value":%t`, want)) {
				known++
			}
		}
		if known == 2 {
			return nil
		}
		timer := time.NewTimer(100 * time.Millisecond)
		select {
		case <-ctx.Done():
			return fmt.Errorf("flags of %s: %w", tenant.ID, ctx.Err())
		case <-timer.C:
		}
	}
}
