package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/quoting"
)

// quotesPerPage bounds a page of quotes.
const quotesPerPage = 25

// ratesPages are the screen Rates.
func ratesPages() []Route {
	return []Route{
		get("/companies/{company}/rates", SignedIn, (*Server).ratesPage),
		post("/companies/{company}/rates", SignedIn, (*Server).requestQuote),
		upload("/companies/{company}/rates/bulk", SignedIn, maxBulkBody, (*Server).requestJob),
		get("/companies/{company}/rates/jobs/{job}", SignedIn, (*Server).jobPage),
		post("/companies/{company}/rates/{quote}", SignedIn, (*Server).stepQuote),
	}
}

// ratesView is the screen Rates of a company.
type ratesView struct {
	Company freight.Company
	Closed  bool // nothing is shown, since rates are not switched on
	Refused *refusal
	Bulk    *refusal // of many at once, where rates are not refused
	Meters  []meter  // of rates and bulk rating
	Places  []string
	Asked   freight.Lane // what the form says
	FormKey string       // makes sending a form twice harmless
	Sheet   string       // lanes that were pasted and want to be put right
	Faults  []freight.Fault
	Quotes  []quoteLine
	Status  string // that the quotes are narrowed down to; empty: any
	Choices []string
	First   bool   // this is the first page
	Next    string // address of the next page; empty at the end
}

// quoteLine is a quote with its price in words.
type quoteLine struct {
	freight.Quote
	Price string
}

// Next is what can be done with the quote; nil when there is nothing.
func (q quoteLine) Next() *nextStep {
	if n, ok := nextSteps[q.Status]; ok {
		return &n
	}
	return nil
}

// nextSteps are what can be done with a quote, by its status: the word for the API and the one for people.
var nextSteps = map[string]nextStep{
	"created": {"send", "Send"}, "sent": {"accept", "Accept"}, "accepted": {"book", "Book"},
}

type nextStep struct{ Step, Word string }

func (s *Server) ratesPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showRates(w, r, v, http.StatusOK, "", func(*ratesView) {})
}

// showRates shows the screen, with an alert when what was asked for failed.
func (s *Server) showRates(w http.ResponseWriter, r *http.Request, v visitor, status int, alert string, add func(*ratesView)) {
	page, err := s.ratesView(r, v)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	add(&page)
	shown := view{Title: "Rates of " + page.Company.Name, Visitor: v, Alert: alert, Page: page}
	if status == http.StatusOK && !page.Closed {
		shown.Done = s.quoted(r)
	}
	if page.Refused == nil {
		shown.Tour = s.tour(r, v, quoting.Rates)
	}
	s.render(w, r, status, "rates", shown)
}

// ratesView reads past what is in memory, so that a page shows what was just counted.
func (s *Server) ratesView(r *http.Request, v visitor) (page ratesView, err error) {
	ctx, id := r.Context(), r.PathValue("company")
	if page.Company, err = s.companies.Company(ctx, id); err != nil {
		return page, err
	}
	if err = s.addGates(ctx, &page); err != nil {
		return page, err
	}
	page.Places, page.FormKey, page.Choices = freight.Places(), tenon.NewID(time.Now()), freight.Statuses()
	page.Asked = freight.Lane{Origin: page.Company.City, Destination: elsewhere(page.Places, page.Company.City)}
	page.Refused, page.Bulk = page.Refused.seenBy(v, page.Company.Name), page.Bulk.seenBy(v, page.Company.Name)
	page.Closed = page.Refused != nil && page.Refused.By == "flag" && !v.Staff()
	if page.Closed {
		return page, nil
	}
	return page, s.addQuotes(r, &page)
}

// addGates adds how the company stands with rates and bulk rating, and what refuses them.
func (s *Server) addGates(ctx context.Context, page *ratesView) error {
	gate, id := s.Gate.WithStore(s.Store), page.Company.ID
	versions, err := gate.Catalog(ctx)
	if err != nil {
		return err
	}
	rates, err := gate.Check(ctx, id, quoting.Rates)
	if err != nil {
		return err
	}
	bulk, err := gate.Check(ctx, id, quoting.Bulk)
	if err != nil {
		return err
	}
	page.Refused, page.Bulk = s.refuses(id, rates, versions), s.refuses(id, bulk, versions)
	page.Meters = meters(versions, []entitlements.Decision{rates, bulk})
	for i, m := range page.Meters {
		page.Meters[i].Closed = s.closed(id, m.Feature)
	}
	return nil
}

// addQuotes adds the page of quotes that the address asks for.
func (s *Server) addQuotes(r *http.Request, page *ratesView) error {
	asked := r.URL.Query()
	q := freight.QuoteQuery{Company: page.Company.ID, Status: asked.Get("status"), After: asked.Get("after"), Limit: quotesPerPage + 1}
	if !slices.Contains(page.Choices, q.Status) {
		q.Status = ""
	}
	if !quoteID.MatchString(q.After) {
		q.After = ""
	}
	var quotes []freight.Quote
	err := freight.Read(r.Context(), s.App, q.Company, func(store *freight.Store) (err error) {
		quotes, err = store.Quotes(r.Context(), q)
		return err
	})
	if len(quotes) > quotesPerPage {
		quotes = quotes[:quotesPerPage]
		page.Next = ratesPath(q.Company) + "?" + url.Values{"status": {q.Status}, "after": {quotes[quotesPerPage-1].ID}}.Encode()
	}
	page.Quotes, page.Status, page.First = quoteLines(quotes), q.Status, q.After == ""
	return err
}

func ratesPath(company string) string { return companyPath(company) + "/rates" }

// elsewhere is the first of the places that is not home.
func elsewhere(places []string, home string) string {
	i := slices.IndexFunc(places, func(p string) bool { return p != home })
	return places[i]
}

func quoteLines(quotes []freight.Quote) []quoteLine {
	lines := make([]quoteLine, len(quotes))
	for i, q := range quotes {
		lines[i] = quoteLine{Quote: q, Price: dollars(q.Rate.PriceCents)}
	}
	return lines
}

func dollars(cents int64) string { return fmt.Sprintf("$%s.%02d", count(cents/100), cents%100) }

// quoted says what was just done, and the price of the quote that was just made.
func (s *Server) quoted(r *http.Request) string {
	asked := r.URL.Query()
	id := asked.Get("quote")
	if !quoteID.MatchString(id) {
		return doneTexts[asked.Get("done")]
	}
	company, said := r.PathValue("company"), ""
	err := freight.Read(r.Context(), s.App, company, func(store *freight.Store) error {
		q, err := store.Quote(r.Context(), company, id)
		l := q.Rate.Lane
		said = fmt.Sprintf("%s → %s, %s: %s, good until %s.", l.Origin, l.Destination, loadOf(l),
			dollars(q.Rate.PriceCents), q.ValidUntil.UTC().Format("2 January at 15:04 UTC"))
		return err
	})
	if err != nil {
		return ""
	}
	return said
}

// loadOf says how much a lane's load is.
func loadOf(l freight.Lane) string {
	weight := count(int64(l.WeightKG)) + " kg"
	switch l.Pallets {
	case 0:
		return weight + ", loose"
	case 1:
		return weight + " on a pallet"
	}
	return fmt.Sprintf("%s on %d pallets", weight, l.Pallets)
}

// jobView is what became of a list of lanes.
type jobView struct {
	Company freight.Company
	Job     freight.Job
	Quotes  []quoteLine
	Total   string
}

func (s *Server) jobPage(w http.ResponseWriter, r *http.Request, v visitor) {
	page, err := s.jobView(r, v)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, "job", view{Title: "Bulk job of " + page.Company.Name, Visitor: v, Page: page})
}

func (s *Server) jobView(r *http.Request, v visitor) (page jobView, err error) {
	ctx, company, id := r.Context(), r.PathValue("company"), r.PathValue("job")
	if page.Company, err = s.companies.Company(ctx, company); err != nil {
		return page, err
	}
	if !quoteID.MatchString(id) || s.flagRefuses(company, quoting.Rates) != nil && !v.Staff() {
		return page, tenon.ErrNotFound
	}
	var quotes []freight.Quote
	err = freight.Read(ctx, s.App, company, func(store *freight.Store) (err error) {
		if page.Job, err = store.Job(ctx, company, id); err != nil {
			return err
		}
		quotes, err = store.JobQuotes(ctx, company, id)
		return err
	})
	var total int64
	for _, q := range quotes {
		total += q.Rate.PriceCents
	}
	page.Quotes, page.Total = quoteLines(quotes), dollars(total)
	return page, err
}
