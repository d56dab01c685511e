package web

import (
	"net/http"

	"github.com/transbotai/tenon/entitlements/entitlementshttp"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/quoting"
)

// laneJSON is a quote with its place in the list that was sent, from 0.
type laneJSON struct {
	Place int `json:"lane"`
	quoteJSON
}

// jobJSON answers a bulk request.
type jobJSON struct {
	Job      string            `json:"job,omitempty"` // empty when no lane could be rated
	Quotes   []laneJSON        `json:"quotes"`
	Refused  []freight.Refused `json:"refused"` // lanes that could not be rated; they are not counted
	Rates    quotaJSON         `json:"rates"`
	Replayed bool              `json:"replayed"`
}

func showJob(a quoting.JobAnswer) jobJSON {
	j := jobJSON{Job: a.Job.ID, Quotes: []laneJSON{}, Refused: a.Job.Refused, Rates: showQuota(a.Decision), Replayed: a.Replayed}
	if j.Refused == nil {
		j.Refused = []freight.Refused{}
	}
	for _, q := range a.Quotes {
		j.Quotes = append(j.Quotes, laneJSON{Place: q.Place, quoteJSON: showQuote(q)})
	}
	return j
}

func (s *Server) createQuotes(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Lanes []freight.Lane `json:"lanes"`
	}
	if !receive(w, r, maxBulkBody, &body) {
		return
	}
	a, err := s.desk.Job(r.Context(), quoting.JobRequest{Company: company(r), Lanes: body.Lanes, Key: r.Header.Get("Idempotency-Key")})
	switch {
	case err != nil:
		s.fail(w, r, err)
	case !a.Decision.Allowed:
		entitlementshttp.Problem(w, r, a.Decision)
	default:
		send(w, http.StatusOK, showJob(a))
	}
}
