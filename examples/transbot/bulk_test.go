package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const badLane = `{"origin": "Atlantis", "destination": "Dallas, TX", "weight_kg": 8000}`

// list makes the body of a bulk request.
func list(lanes ...string) string { return `{"lanes": [` + strings.Join(lanes, ",") + `]}` }

// many returns n different lanes.
func many(n int) []string {
	lanes := make([]string, n)
	for i := range lanes {
		lanes[i] = strings.Replace(lane, "8000", fmt.Sprint(1000+i), 1)
	}
	return lanes
}

func TestBulk(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.everybodyHas("bulk_rating")

	t.Run("counts_the_lanes_that_could_be_rated", func(t *testing.T) {
		key := s.company("mixed", "pro")
		r := s.ask(key, "/api/quotes/bulk", list(lane, badLane, lane))
		require.Equal(t, http.StatusOK, r.status, r.body)
		require.Len(t, r.field(t, "quotes"), 2)
		require.Equal(t, []any{map[string]any{"lane": 1.0, "field": "origin", "reason": "is not a place that we serve"}}, r.field(t, "refused"))
		require.Equal(t, 998.0, r.field(t, "rates.remaining"))
		s.requireUsed("mixed", "rates", 2)
		s.requireUsed("mixed", "bulk_rating", 1)
		s.requireQuotes("mixed", 2)
	})

	t.Run("of_nothing_that_can_be_rated_is_not_counted", func(t *testing.T) {
		key := s.company("hopeless", "pro")
		r := s.ask(key, "/api/quotes/bulk", list(badLane, badLane))
		require.Equal(t, http.StatusOK, r.status, r.body)
		require.Empty(t, r.field(t, "quotes"))
		require.Len(t, r.field(t, "refused"), 2)
		s.requireUsed("hopeless", "rates", 0)
		s.requireUsed("hopeless", "bulk_rating", 0)
	})

	t.Run("takes_500_lanes_and_no_more", func(t *testing.T) {
		key := s.company("huge", "pro")
		r := s.ask(key, "/api/quotes/bulk", list(many(500)...))
		require.Equal(t, http.StatusOK, r.status, r.body)
		s.requireUsed("huge", "rates", 500)
		for _, body := range []string{list(many(501)...), list()} {
			r = s.ask(key, "/api/quotes/bulk", body)
			require.Equal(t, http.StatusBadRequest, r.status, r.body)
			require.Equal(t, "lanes", r.field(t, "field"))
		}
		s.requireUsed("huge", "bulk_rating", 1)
	})

	t.Run("is_not_in_every_plan", func(t *testing.T) {
		r := s.ask(s.company("modest", "starter"), "/api/quotes/bulk", list(lane))
		require.Equal(t, http.StatusForbidden, r.status, r.body)
		require.Equal(t, "not_in_plan", r.field(t, "reason"))
		require.Equal(t, "bulk_rating", r.field(t, "feature"))
		require.Equal(t, "pro", r.field(t, "upgrade"))
		s.requireUsed("modest", "rates", 0)
	})

	t.Run("with_more_lanes_than_are_left_gives_the_job_back", func(t *testing.T) {
		key := s.company("short", "pro")
		s.uses("short", "rates", 998)
		r := s.ask(key, "/api/quotes/bulk", list(lane, lane, lane))
		require.Equal(t, http.StatusTooManyRequests, r.status, r.body)
		require.Equal(t, "rates", r.field(t, "feature"))
		require.Equal(t, "enterprise", r.field(t, "upgrade"))
		s.requireUsed("short", "rates", 998)
		s.requireUsed("short", "bulk_rating", 0)
		require.Equal(t, http.StatusOK, s.ask(key, "/api/quotes/bulk", list(lane, lane)).status)
	})

	t.Run("that_fails_gives_everything_back", func(t *testing.T) {
		key := s.company("failing", "pro")
		s.breakQuotes("failing")
		r := s.ask(key, "/api/quotes/bulk", list(lane, lane), "Idempotency-Key", "k")
		require.Equal(t, http.StatusInternalServerError, r.status, r.body)
		s.requireUsed("failing", "rates", 0)
		s.requireUsed("failing", "bulk_rating", 0)
		require.Zero(t, scan[int](s, "select count(*) from bulk_jobs where company_id = 'failing'"))

		s.mendQuotes("failing")
		r = s.ask(key, "/api/quotes/bulk", list(lane, lane), "Idempotency-Key", "k")
		require.Equal(t, http.StatusOK, r.status, r.body)
		s.requireUsed("failing", "rates", 2)
	})

	t.Run("sent_again_is_the_same_job", func(t *testing.T) {
		key := s.company("repeated", "pro")
		jobs := map[any]bool{}
		for _, r := range s.together(6, func(int) reply {
			return s.ask(key, "/api/quotes/bulk", list(lane, badLane), "Idempotency-Key", "k")
		}) {
			require.Equal(t, http.StatusOK, r.status, r.body)
			require.Len(t, r.field(t, "quotes"), 1)
			require.Len(t, r.field(t, "refused"), 1)
			jobs[r.field(t, "job")] = true
		}
		require.Len(t, jobs, 1)
		s.requireUsed("repeated", "rates", 1)
		s.requireUsed("repeated", "bulk_rating", 1)
		r := s.ask(key, "/api/quotes/bulk", list(lane), "Idempotency-Key", "k")
		require.Equal(t, http.StatusConflict, r.status, r.body)
	})
}
