package web

import (
	"context"
	"net/http"
	"regexp"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit/audithttp"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementshttp"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/quoting"
)

// maxListed bounds a list of quotes.
const maxListed = 50

// quoteJSON is a quote as the API shows it.
type quoteJSON struct {
	ID string `json:"id"`
	freight.Lane
	DistanceKM int       `json:"distance_km"`
	Price      priceJSON `json:"price"`
	Status     string    `json:"status"`
	CreatedAt  time.Time `json:"created_at"`
	ValidUntil time.Time `json:"valid_until"`
}

// priceJSON is an amount in decimal form.
type priceJSON struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

func showQuote(q freight.Quote) quoteJSON {
	return quoteJSON{
		ID: q.ID, Lane: q.Rate.Lane, DistanceKM: q.Rate.DistanceKM, Price: priceJSON{entitlements.Price(q.Rate.PriceCents, "USD"), "USD"},
		Status: q.Status, CreatedAt: q.CreatedAt, ValidUntil: q.ValidUntil,
	}
}

// quotaJSON is what is left of the company's rates.
type quotaJSON struct {
	Remaining int64     `json:"remaining"` // -1: unlimited
	Unlimited bool      `json:"unlimited"`
	Reason    string    `json:"reason"`
	ResetsAt  time.Time `json:"resets_at,omitzero"`
}

func showQuota(d entitlements.Decision) quotaJSON {
	return quotaJSON{
		Remaining: d.Remaining, Unlimited: d.Remaining == entitlements.Unlimited,
		Reason: d.Reason.String(), ResetsAt: d.ResetsAt,
	}
}

// quotedJSON answers a request for a quote.
type quotedJSON struct {
	Quote    quoteJSON `json:"quote"`
	Rates    quotaJSON `json:"rates"`
	Replayed bool      `json:"replayed"` // an earlier request with the same key made it
}

func (s *Server) createQuote(w http.ResponseWriter, r *http.Request) {
	var lane freight.Lane
	if !receive(w, r, maxBody, &lane) {
		return
	}
	a, err := s.desk.Quote(r.Context(), quoting.Request{Company: company(r), Lane: lane, Key: r.Header.Get("Idempotency-Key"), Call: true})
	switch {
	case err != nil:
		s.fail(w, r, err)
	case !a.Decision.Allowed:
		entitlementshttp.Problem(w, r, a.Decision)
	default:
		if !a.Replayed {
			audithttp.Recorded(r.Context()) // by the trigger, with the quote
		}
		w.Header().Set("Location", "/api/quotes/"+a.Quote.ID)
		send(w, http.StatusCreated, quotedJSON{Quote: showQuote(a.Quote), Rates: showQuota(a.Decision), Replayed: a.Replayed})
	}
}

// quotes returns the company's newest quotes, as a transaction sees them that sees no other company.
func (s *Server) quotes(ctx context.Context, company string, limit int) (list []freight.Quote, err error) {
	err = freight.Read(ctx, s.App, company, func(store *freight.Store) (err error) {
		list, err = store.Quotes(ctx, freight.QuoteQuery{Company: company, Limit: limit})
		return err
	})
	return list, err
}

func (s *Server) listQuotes(w http.ResponseWriter, r *http.Request) {
	quotes, err := s.quotes(r.Context(), company(r), maxListed)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if s.counted(w, r) {
		sendQuotes(w, quotes)
	}
}

func sendQuotes(w http.ResponseWriter, quotes []freight.Quote) {
	list := make([]quoteJSON, len(quotes))
	for i, q := range quotes {
		list[i] = showQuote(q)
	}
	send(w, http.StatusOK, struct {
		Quotes []quoteJSON `json:"quotes"`
	}{list})
}

var quoteID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (s *Server) getQuote(w http.ResponseWriter, r *http.Request) {
	q, err := s.oneQuote(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if s.counted(w, r) {
		send(w, http.StatusOK, showQuote(q))
	}
}

// oneQuote returns the quote that a path names.
func (s *Server) oneQuote(r *http.Request) (q freight.Quote, err error) {
	id := r.PathValue("id")
	if !quoteID.MatchString(id) {
		return q, tenon.ErrNotFound
	}
	err = freight.Read(r.Context(), s.App, company(r), func(store *freight.Store) (err error) {
		q, err = store.Quote(r.Context(), company(r), id)
		return err
	})
	return q, err
}
