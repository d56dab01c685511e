package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/transbotai/tenon/support"
)

// deskView is the staff's page of tickets.
type deskView struct {
	At       time.Time
	Waiting  []ticketLine // what somebody has to do something about, most urgent first
	Others   []ticketLine // pending and solved, newest first
	Report   []reportLine
	Timers   support.TimersStats
	Watching bool // the page loads itself again
}

// reportLine is how a promise was kept.
type reportLine struct {
	support.ReportRow
	What    string
	Kept100 float64 // per cent
	Decided bool
}

// reportDays is how far the report goes back.
const reportDays = 30

func (s *Server) deskPage(w http.ResponseWriter, r *http.Request, v visitor) {
	page, err := s.deskView(r.Context())
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	if page.Watching = r.URL.Query().Has("watch"); page.Watching {
		w.Header().Set("Refresh", watchEvery)
	}
	s.render(w, r, http.StatusOK, "desk", view{Title: "Help desk", Visitor: v, Page: page})
}

func (s *Server) deskView(ctx context.Context) (v deskView, err error) {
	names, err := s.names(ctx)
	if err != nil {
		return v, err
	}
	v.Waiting, err = s.ticketLines(ctx, names, maxWaiting, support.StateOpen, support.StateReopened)
	if err != nil {
		return v, err
	}
	v.Others, err = s.ticketLines(ctx, names, maxTickets, support.StatePending, support.StateSolved)
	if err != nil {
		return v, err
	}
	slices.SortStableFunc(v.Waiting, byDue)
	v.At, v.Timers = time.Now().UTC(), s.Help.Timers.Stats()
	v.Report, err = s.reportLines(ctx, v.At)
	return v, err
}

// ticketLines returns the newest tickets in these states.
func (s *Server) ticketLines(ctx context.Context, names map[string]string, limit int, in ...support.State) (lines []ticketLine, err error) {
	found, err := s.Help.Tickets.List(ctx, support.TicketQuery{Limit: limit, States: in})
	for _, t := range found {
		lines = append(lines, ticketLine{Ticket: t, Company: cmp.Or(names[t.Tenant], t.Tenant), Next: next(t)})
	}
	return lines, err
}

// byDue puts what is due first first, and what is due at no time last.
func byDue(a, b ticketLine) int {
	switch {
	case a.Next == nil && b.Next == nil:
		return 0
	case a.Next == nil:
		return 1
	case b.Next == nil:
		return -1
	}
	return a.Next.Due.Compare(b.Next.Due)
}

func (s *Server) names(ctx context.Context) (map[string]string, error) {
	companies, err := s.companies.Companies(ctx, maxCompanies)
	names := make(map[string]string, len(companies))
	for _, c := range companies {
		names[c.ID] = c.Name
	}
	return names, err
}

func (s *Server) reportLines(ctx context.Context, now time.Time) (lines []reportLine, err error) {
	report, err := s.Help.Tickets.Report(ctx, "", now.AddDate(0, 0, -reportDays), now.Add(time.Minute))
	for _, row := range report.Lines {
		share, decided := row.Share()
		if decided || row.Waiting > 0 {
			lines = append(lines, reportLine{ReportRow: row, What: promiseNames[row.Promise], Kept100: 100 * share, Decided: decided})
		}
	}
	return lines, err
}
