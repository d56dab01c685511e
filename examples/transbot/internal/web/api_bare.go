//go:build bare

package web

import (
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

// serveAPI serves those for quotes with tenon's calls taken out: nobody is limited, nothing is switched, counted, recorded
// or told. Bench/service compares the platform with this; a program that is built so is good for nothing else.
func (s *Server) serveAPI() http.Handler {
	s.recorded = func(next http.Handler) http.Handler { return next }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/quotes", s.bareList)
	mux.HandleFunc("GET /api/quotes/{id}", s.bareOne)
	mux.HandleFunc("POST /api/quotes", s.bareQuote)
	return s.bearer(mux)
}

func (s *Server) bareList(w http.ResponseWriter, r *http.Request) {
	quotes, err := s.quotes(r.Context(), company(r), maxListed)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	sendQuotes(w, quotes)
}

func (s *Server) bareOne(w http.ResponseWriter, r *http.Request) {
	q, err := s.oneQuote(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	send(w, http.StatusOK, showQuote(q))
}

// bareQuote prices a lane and keeps the quote, in a transaction.
func (s *Server) bareQuote(w http.ResponseWriter, r *http.Request) {
	var lane freight.Lane
	if !receive(w, r, maxBody, &lane) {
		return
	}
	rate, err := freight.RateLane(lane, time.Now())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	quote := freight.NewQuote(rate, tenon.Instant(time.Now()))
	quote.Key = r.Header.Get("Idempotency-Key")
	err = pgx.BeginFunc(r.Context(), s.Pool, func(tx pgx.Tx) error {
		_, err := freight.NewStore(tx).AddQuotes(r.Context(), company(r), quote)
		return err
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Location", "/api/quotes/"+quote.ID)
	send(w, http.StatusCreated, quotedJSON{Quote: showQuote(quote)})
}
