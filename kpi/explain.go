package kpi

import (
	"context"
	"fmt"
	"strings"
)

// Explanation says what a KPI counts.
type Explanation struct {
	KPI   KPI    `json:"kpi"`
	Words string `json:"words"`
	// SQL is the statements that the figures come from, where the store can show them.
	SQL []string `json:"sql,omitempty"`
}

// Explain says in words, and by the store's statements, how the figures that q asks for are made.
func (b *Board) Explain(ctx context.Context, q Query) (Explanation, error) {
	s, err := b.load(ctx)
	if err != nil {
		return Explanation{}, err
	}
	k, ok := s.kpi(q.KPI)
	if !ok {
		return Explanation{}, ErrUnknownKPI
	}
	now, err := b.now(ctx)
	if err != nil {
		return Explanation{}, err
	}
	r, err := k.resolve(q, now)
	if err != nil {
		return Explanation{}, prefix(err)
	}
	return Explanation{KPI: k, Words: r.words(), SQL: r.sql(b.store)}, nil
}

func (r reading) words() string {
	var b strings.Builder
	if r.kpi.Description != "" {
		b.WriteString(strings.TrimSpace(r.kpi.Description) + " ")
	}
	kind, _ := r.kpi.kind() // it was checked
	b.WriteString(kind.words())
	fmt.Fprintf(&b, " %s in the zone %s, %d of them, from %s to %s.", r.frame.grain.words(), r.frame.zone,
		len(r.edges)-1, r.frame.date(r.edges[0]), r.frame.date(r.edges[len(r.edges)-1].Add(-1)))
	if r.query.Tenant != "" {
		fmt.Fprintf(&b, " Of the tenant %q.", r.query.Tenant)
	}
	if r.query.Split {
		if by := r.breakdown(); by != "" {
			fmt.Fprintf(&b, " By %s.", by)
		}
	}
	if waits := r.kpi.waits(); waits > 0 {
		fmt.Fprintf(&b, " A period is immature until %s after its end, since what began in it may still come to its end.", waits)
	} else {
		b.WriteString(" A period is immature until it is over.")
	}
	if g := r.kpi.Goal; g != nil {
		fmt.Fprintf(&b, " The goal is %s.", g)
	}
	return b.String()
}

func (r reading) breakdown() string {
	if q, ok := r.scan(); ok {
		return q.breakdown()
	}
	return r.kpi.Measures()[0].Breakdown
}

func (g Grain) words() string {
	switch g {
	case Hourly:
		return "Hours"
	case Weekly:
		return "Weeks from Monday"
	case Monthly:
		return "Months"
	case Yearly:
		return "Years"
	case Whole:
		return "Everything together"
	}
	return "Days"
}

// String returns the goal in words.
func (g *Goal) String() string {
	bound := "at least"
	if g.AtMost {
		bound = "at most"
	}
	return fmt.Sprintf("%s %g", bound, g.Target)
}

func (r reading) sql(s Store) []string {
	shows, ok := s.(Explainer)
	if !ok {
		return nil
	}
	if q, ok := r.scan(); ok {
		return []string{shows.ExplainScan(q)}
	}
	var all []string
	for _, q := range r.cells() {
		all = append(all, shows.ExplainCells(q))
	}
	return all
}
