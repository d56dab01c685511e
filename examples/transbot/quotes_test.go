package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

const lane = `{"origin": "Chicago, IL", "destination": "Dallas, TX", "weight_kg": 8000, "pallets": 10}`

func TestQuote(t *testing.T) {
	t.Parallel()
	s := newSite(t)

	t.Run("is_priced_and_says_what_is_left", func(t *testing.T) {
		key := s.company("priced", "starter")
		r := s.ask(key, "/api/quotes", lane)
		require.Equal(t, http.StatusCreated, r.status, r.body)
		// 1554 km; 8,000 of 20,000 kg is more than 10 of 26 pallets: 85 + 1554 × (0.60 + 0.90 × 0.4)
		require.Equal(t, "1576.84", r.field(t, "quote.price.amount"))
		require.Equal(t, 99.0, r.field(t, "rates.remaining"))
		require.Equal(t, http.StatusOK, s.ask(key, r.header.Get("Location"), "").status)
		s.requireUsed("priced", "rates", 1)
	})

	t.Run("and_its_use_are_one_transaction", func(t *testing.T) {
		key := s.company("atomic", "starter")
		s.breakQuotes("atomic")
		r := s.ask(key, "/api/quotes", lane, "Idempotency-Key", "once")
		require.Equal(t, http.StatusInternalServerError, r.status)
		s.requireUsed("atomic", "rates", 0)
		s.requireQuotes("atomic", 0)

		s.mendQuotes("atomic")
		r = s.ask(key, "/api/quotes", lane, "Idempotency-Key", "once")
		require.Equal(t, http.StatusCreated, r.status, r.body)
		require.Equal(t, false, r.field(t, "replayed"))
		s.requireUsed("atomic", "rates", 1)
		s.requireQuotes("atomic", 1)
	})

	t.Run("past_the_limit_is_refused_with_the_plan_that_allows", func(t *testing.T) {
		key := s.company("full", "starter")
		s.uses("full", "rates", 100)
		r := s.ask(key, "/api/quotes", lane, "Idempotency-Key", "late")
		require.Equal(t, http.StatusTooManyRequests, r.status, r.body)
		require.Equal(t, "application/problem+json", r.header.Get("Content-Type"))
		require.NotEmpty(t, r.header.Get("Retry-After"))
		require.Equal(t, "limit_reached", r.field(t, "reason"))
		require.Equal(t, "pro", r.field(t, "upgrade"))
		s.requireUsed("full", "rates", 100)
		s.requireQuotes("full", 0)

		_, err := s.gate.ChangePlan(t.Context(), entitlements.PlanChange{Tenant: "full", Plan: "pro"})
		require.NoError(t, err)
		r = s.ask(key, "/api/quotes", lane, "Idempotency-Key", "late")
		require.Equal(t, http.StatusCreated, r.status, "a refusal is decided afresh: %s", r.body)
	})

	t.Run("without_a_plan_is_refused", func(t *testing.T) {
		r := s.ask(s.company("planless", ""), "/api/quotes", lane)
		require.Equal(t, http.StatusForbidden, r.status, r.body)
		require.Equal(t, "no_plan", r.field(t, "reason"))
	})
}

func TestQuoteKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)

	t.Run("gives_the_same_quote_and_counts_once", func(t *testing.T) {
		key := s.company("again", "starter")
		first := s.ask(key, "/api/quotes", lane, "Idempotency-Key", "k")
		second := s.ask(key, "/api/quotes", lane, "Idempotency-Key", "k")
		require.Equal(t, http.StatusCreated, second.status, second.body)
		require.Equal(t, first.field(t, "quote"), second.field(t, "quote"))
		require.Equal(t, true, second.field(t, "replayed"))
		s.requireUsed("again", "rates", 1)
		s.requireQuotes("again", 1)
	})

	t.Run("of_another_lane_is_a_conflict", func(t *testing.T) {
		key := s.company("other", "starter")
		require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane, "Idempotency-Key", "k").status)
		r := s.ask(key, "/api/quotes", strings.Replace(lane, "8000", "9000", 1), "Idempotency-Key", "k")
		require.Equal(t, http.StatusConflict, r.status, r.body)
		s.requireUsed("other", "rates", 1)
	})

	t.Run("gives_the_same_quote_at_the_limit", func(t *testing.T) {
		key := s.company("last", "starter")
		s.uses("last", "rates", 99)
		first := s.ask(key, "/api/quotes", lane, "Idempotency-Key", "k")
		second := s.ask(key, "/api/quotes", lane, "Idempotency-Key", "k")
		require.Equal(t, first.field(t, "quote"), second.field(t, "quote"))
	})

	t.Run("still_gives_it_when_the_gate_forgot_the_key", func(t *testing.T) {
		key := s.company("forgotten", "starter")
		first := s.ask(key, "/api/quotes", lane, "Idempotency-Key", "k")
		_, err := s.pool.Exec(t.Context(), "delete from tenon.usage_keys where tenant_id = 'forgotten'")
		require.NoError(t, err)
		second := s.ask(key, "/api/quotes", lane, "Idempotency-Key", "k")
		require.Equal(t, first.field(t, "quote"), second.field(t, "quote"))
		s.requireUsed("forgotten", "rates", 1)
		r := s.ask(key, "/api/quotes", strings.Replace(lane, "8000", "9000", 1), "Idempotency-Key", "k")
		require.Equal(t, http.StatusConflict, r.status, r.body)
	})

	t.Run("sent_many_times_at_once_makes_one_quote", func(t *testing.T) {
		key := s.company("racing", "starter")
		ids := map[any]bool{}
		for _, r := range s.together(12, func(int) reply { return s.ask(key, "/api/quotes", lane, "Idempotency-Key", "k") }) {
			require.Equal(t, http.StatusCreated, r.status, r.body)
			ids[r.field(t, "quote.id")] = true
		}
		require.Len(t, ids, 1)
		s.requireUsed("racing", "rates", 1)
		s.requireQuotes("racing", 1)
	})
}

func TestQuotesAtOnceNeverPassTheLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("crowd", "starter")
	s.uses("crowd", "rates", 93)
	made := 0
	for _, r := range s.together(24, func(int) reply { return s.ask(key, "/api/quotes", lane) }) {
		if r.status == http.StatusCreated {
			made++
		} else {
			require.Equal(t, http.StatusTooManyRequests, r.status, r.body)
		}
	}
	require.Equal(t, 7, made)
	s.requireUsed("crowd", "rates", 100)
	s.requireQuotes("crowd", 7)
}

func TestQuoteThatCannotBeRightCountsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("wrong", "starter")
	long := strings.Repeat("k", 201)
	for _, c := range []struct {
		name, body, field string
		headers           []string
		status            int
	}{
		{name: "unknown_origin", body: strings.Replace(lane, "Chicago, IL", "Atlantis", 1), field: "origin", status: 400},
		{name: "unknown_destination", body: strings.Replace(lane, "Dallas, TX", "Atlantis", 1), field: "destination", status: 400},
		{name: "nowhere_to_go", body: strings.Replace(lane, "Dallas, TX", "chicago, il ", 1), field: "destination", status: 400},
		{name: "no_weight", body: strings.Replace(lane, "8000", "0", 1), field: "weight_kg", status: 400},
		{name: "too_heavy", body: strings.Replace(lane, "8000", "20001", 1), field: "weight_kg", status: 400},
		{name: "too_many_pallets", body: strings.Replace(lane, "10", "27", 1), field: "pallets", status: 400},
		{name: "no_date", body: strings.Replace(lane, "{", `{"ready_on": "soon",`, 1), field: "ready_on", status: 400},
		{name: "a_date_long_past", body: strings.Replace(lane, "{", `{"ready_on": "2020-01-31",`, 1), field: "ready_on", status: 400},
		{name: "unknown_field", body: strings.Replace(lane, "{", `{"price": 1,`, 1), field: "body", status: 400},
		{name: "two_objects", body: lane + lane, field: "body", status: 400},
		{name: "no_object", body: `[]`, field: "body", status: 400},
		{name: "half_an_object", body: lane[:40], field: "body", status: 400},
		{name: "another_media_type", body: lane, headers: []string{"Content-Type", "text/plain"}, status: 415},
		{name: "a_large_body", body: strings.Replace(lane, "{", `{"ready_on": "`+strings.Repeat("9", 17<<10)+`",`, 1), status: 413},
		{name: "a_long_key", body: lane, headers: []string{"Idempotency-Key", long}, field: "idempotency_key", status: 400},
		{name: "a_key_with_a_space", body: lane, headers: []string{"Idempotency-Key", "a b"}, field: "idempotency_key", status: 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.ask(key, "/api/quotes", c.body, c.headers...)
			require.Equal(t, c.status, r.status, r.body)
			require.Equal(t, "application/problem+json", r.header.Get("Content-Type"))
			if c.field != "" {
				require.Equal(t, c.field, r.field(t, "field"))
			}
		})
	}
	s.requireUsed("wrong", "rates", 0)
	s.requireQuotes("wrong", 0)
}

func TestAPIKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	good := s.company("keyed", "pro")
	past := time.Now().Add(-time.Minute)
	expired := s.key(freight.APIKey{CompanyID: "keyed", ExpiresAt: &past})
	revoked := s.key(freight.APIKey{CompanyID: "keyed"})
	_, err := s.pool.Exec(t.Context(), "update api_keys set revoked_at = now() where hash = $1", freight.KeyHash(revoked))
	require.NoError(t, err)
	gone := s.company("gone", "pro")
	_, err = s.pool.Exec(t.Context(), "update companies set deleted_at = now() where id = 'gone'")
	require.NoError(t, err)

	require.Equal(t, http.StatusOK, s.ask(good, "/api/quotes", "").status)
	for name, key := range map[string]string{
		"expired": expired, "revoked": revoked, "of_a_deleted_company": gone, "unknown": freight.NewKey(), "none": "",
		"of_the_staff": adminKey, "its_hash": string(freight.KeyHash(good)[:8]),
	} {
		for _, path := range []string{"/api/quotes", "/api/entitlements", "/api/limits/rates", "/api/nothing"} {
			r := s.ask(strings.ToValidUTF8(strings.Map(visible, key), ""), path, "")
			require.Equal(t, http.StatusUnauthorized, r.status, "%s: %s", name, path)
			require.Equal(t, "Bearer", r.header.Get("WWW-Authenticate"))
		}
	}
	require.Zero(t, scan[int](s, "select count(*) from api_keys where encode(hash, 'escape') like 'tb_%'"), "kept hashed")
}

func visible(r rune) rune {
	if r < ' ' || r > '~' {
		return 'x'
	}
	return r
}

func TestAPIAccess(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	starter, pro := s.company("small", "starter"), s.company("large", "pro")

	require.Equal(t, http.StatusCreated, s.ask(starter, "/api/quotes", lane).status, "a plan without it is not shut out")
	require.Equal(t, http.StatusCreated, s.ask(pro, "/api/quotes", lane).status)
	require.Equal(t, http.StatusOK, s.ask(pro, "/api/quotes", "").status)
	require.Equal(t, http.StatusBadRequest, s.ask(pro, "/api/quotes", `{}`).status, "a call that fails is not counted")
	require.Equal(t, http.StatusOK, s.ask(pro, "/api/entitlements", "").status, "nor is asking what one may do")
	s.requireUsed("large", "api_access", 2)

	s.uses("large", "api_access", 9_998)
	r := s.ask(pro, "/api/quotes", lane)
	require.Equal(t, http.StatusTooManyRequests, r.status, r.body)
	require.Equal(t, "api_access", r.field(t, "feature"))
	s.requireUsed("large", "rates", 1)
}

// together sends n requests at once.
func (s *site) together(n int, f func(i int) reply) []reply {
	replies := make([]reply, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { replies[i] = f(i) })
	}
	wait.Wait()
	return replies
}

// breakQuotes makes the database refuse a company's quotes, after what came before in the same transaction.
func (s *site) breakQuotes(company string) {
	s.t.Helper()
	s.exec(`create or replace function refuse() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$`)
	s.exec(`create trigger broken_` + company + ` before insert on quotes for each row when (new.company_id = '` + company + `') execute function refuse()`)
}

func (s *site) mendQuotes(company string) {
	s.t.Helper()
	s.exec(`drop trigger broken_` + company + ` on quotes`)
}

func (s *site) exec(sql string) {
	s.t.Helper()
	_, err := s.pool.Exec(context.WithoutCancel(s.t.Context()), sql)
	require.NoError(s.t, err)
}
