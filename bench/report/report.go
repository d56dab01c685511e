// Package report writes what was measured as a page that people read, one section for each package of tenon.
package report

import (
	"fmt"

	"github.com/transbotai/tenon/bench/measure"
)

// Section is what one package has to show.
type Section struct {
	Name    string // the package: "entitlements"
	Setting string // machine and versions
	Text    string // what is compared, and what must hold before it counts
	Tables  []Table
	Samples []Sample
}

// Table is a group of figures that stand beside the same things.
type Table struct {
	Title   string
	Text    string   // how it was measured; may be empty
	Columns []string // what stands beside each figure
	Rows    []Row
}

// Row is one figure.
type Row struct {
	Case   string
	Figure Figure
	Target Target   // the zero Target is none
	Cells  []string // as many as Columns
}

// Ratio returns the row of a rate over another's, which is to be at least so much, beside both.
func Ratio(name string, ours, theirs measure.Series, atLeast float64) Row {
	return Row{
		Case:   name,
		Figure: Over(ours, theirs),
		Target: Target{Bound: AtLeast, Value: atLeast},
		Cells:  []string{Spread(ours, PerSecond), Spread(theirs, PerSecond)},
	}
}

// Bound says on which side of it a figure must lie.
type Bound string

// The bounds.
const (
	AtLeast Bound = "≥"
	AtMost  Bound = "≤"
)

// Target is what the design asks of a figure, in the figure's unit.
type Target struct {
	Bound Bound
	Value float64
}

// Met says whether f reaches the target, as it is shown: a figure that reads 25.0 is 25.
func (t Target) Met(f Figure) bool {
	switch t.Bound {
	case AtLeast:
		return f.rounded() >= t.Value
	case AtMost:
		return f.rounded() <= t.Value
	default:
		return true
	}
}

// verdict is empty where there is no target.
func (t Target) verdict(f Figure) string {
	switch {
	case t.Bound == "":
		return ""
	case t.Met(f):
		return "met"
	default:
		return "**MISSED**"
	}
}

func (t Target) text(u Unit) string {
	if t.Bound == "" {
		return ""
	}
	return fmt.Sprintf("%s %s", t.Bound, Figure{t.Value, u})
}

// Sample is one series, kept in the format that benchstat reads, so that two commits can be compared.
type Sample struct {
	Name   string // "consume/hot/256/tenon"
	Unit   Unit
	Series measure.Series
}

// Count returns how many figures have a target and how many of them miss it.
func (s Section) Count() (targets, missed int) {
	for _, t := range s.Tables {
		for _, r := range t.Rows {
			if r.Target.Bound == "" {
				continue
			}
			targets++
			if !r.Target.Met(r.Figure) {
				missed++
			}
		}
	}
	return targets, missed
}
