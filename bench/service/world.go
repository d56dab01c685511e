package service

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
)

// companies ask, each by several keys: a key has 600 requests a minute.
const (
	companies  = 200
	keysOfEach = 20
)

// made is how many quotes were answered.
type made struct{ quotes atomic.Int64 }

const insertCompany = `
insert into public.companies (id, name, kind, city, created_at)
values ($1, $1, 'shipper', 'Reno, NV', $2)`

const insertKey = `
insert into public.api_keys (company_id, id, name, hash, created_at)
values ($1, $2, 'bench', $3, $4)`

// furnish adds companies with keys, each with a quote to be read.
func (s *service) furnish(ctx context.Context, n int) error {
	gate := entitlements.NewGate(entitlementspg.New(s.pool, nil), &entitlements.Options{Timeout: time.Minute})
	now := time.Now()
	for i := range n {
		id := fmt.Sprintf("bench-%d", i)
		var b pgx.Batch
		b.Queue(insertCompany, id, now)
		for range keysOfEach {
			key := "tb_" + strings.ToLower(rand.Text())
			hash := sha256.Sum256([]byte(key))
			b.Queue(insertKey, id, tenon.NewID(now), hash[:], now)
			s.keys = append(s.keys, key)
		}
		if err := s.pool.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		if _, err := gate.Subscribe(ctx, entitlements.Subscription{Tenant: id, Plan: "enterprise"}); err != nil {
			return err
		}
	}
	return s.first(ctx)
}

// first makes the quotes that are read.
func (s *service) first(ctx context.Context) error {
	for i := range s.keys {
		if i%keysOfEach != 0 {
			s.quotes = append(s.quotes, s.quotes[i-1])
			continue
		}
		body, err := s.ask(ctx, i, http.MethodPost, "/api/quotes", lane)
		if err != nil {
			return err
		}
		var v struct{ Quote struct{ ID string } }
		if err := json.Unmarshal(body, &v); err != nil {
			return err
		}
		s.quotes = append(s.quotes, v.Quote.ID)
	}
	return nil
}

const lane = `{"origin": "Chicago, IL", "destination": "Dallas, TX", "weight_kg": 8000, "pallets": 10}`

// number spreads calls over all keys.
func (s *service) number(caller, n int) int { return (caller*7919 + n*31) % len(s.keys) }

func (s *service) quote(ctx context.Context, caller, n int) error {
	_, err := s.ask(ctx, s.number(caller, n), http.MethodPost, "/api/quotes", lane)
	return err
}

// mix is what people do: they ask for quotes, and look at them.
func (s *service) mix(ctx context.Context, caller, n int) error {
	key := s.number(caller, n)
	var err error
	switch n % 10 {
	case 2, 7:
		_, err = s.ask(ctx, key, http.MethodGet, "/api/quotes", "")
	case 4, 9:
		_, err = s.ask(ctx, key, http.MethodGet, "/api/quotes/"+s.quotes[key], "")
	default:
		_, err = s.ask(ctx, key, http.MethodPost, "/api/quotes", lane)
	}
	return err
}

// ask sends a request that must be answered well.
func (s *service) ask(ctx context.Context, key int, method, path, body string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.keys[key])
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := s.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode == http.StatusCreated:
		s.made.quotes.Add(1)
	case res.StatusCode != http.StatusOK || body != "":
		return nil, unexpected(res, answer)
	}
	return answer, nil
}

const selectMade = `
select (select count(*) from public.quotes),
  (select coalesce(sum(used), 0) from tenon.usage_counters where feature_key = 'rates')::bigint,
  (select count(*) from tenon.events),
  (select count(*) from tenon.audit_log where target = 'public.quotes')`

var errWrong = errors.New("a wrong number")

// check compares what was answered with what there is.
func (s *service) check(ctx context.Context) error {
	var quotes, used, events, records int64
	if err := s.pool.QueryRow(ctx, selectMade).Scan(&quotes, &used, &events, &records); err != nil {
		return err
	}
	want, beside := s.made.quotes.Load(), int64(0)
	if s.whole {
		beside = want
	}
	if quotes != want || used != beside || events != beside || records != beside {
		return fmt.Errorf("%w: %d answered: %d quotes, %d used, %d events, %d records", errWrong, want, quotes, used, events, records)
	}
	return nil
}
