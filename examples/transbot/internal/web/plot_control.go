package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/transbotai/tenon/examples/transbot/internal/control"
)

// sharePlot is the share of traffic that the rollout has reached, over time, and the percentage of companies beside it.
type sharePlot struct {
	Lines  []string // of the share; there is none where nobody asked anything
	Stages string   // the points of the percentage of companies
	Marks  []plotMark
	Times  []plotTime
	Label  string // for who cannot see it
}

// partY is where hundredths lie.
func partY(percent float64) float64 {
	return round(barsFloor - min(percent, 100)/100*(barsFloor-curveTop))
}

func newSharePlot(s control.Series, history []control.Moment) sharePlot {
	p := sharePlot{Marks: []plotMark{{partY(0), "0 %", "axis"}, {partY(50), "50 %", "freeze"}, {partY(100), "100 %", "axis"}}}
	x := func(t time.Time) float64 {
		return round(plotLeft + (plotRight-plotLeft)*float64(t.Sub(s.From))/float64(s.To.Sub(s.From)))
	}
	var line []string
	end := func() {
		if len(line) > 1 {
			p.Lines = append(p.Lines, strings.Join(line, " "))
		}
		line = nil
	}
	last := "nobody asked anything"
	for _, point := range s.Points {
		if point.All == 0 {
			end()
			continue
		}
		at := point.From.Add(s.Step / 2)
		if at.After(s.To) {
			at = s.To
		}
		line = append(line, coordinates(x(at), partY(point.Share())))
		last = point.Traffic.String()
	}
	end()
	p.Stages = stageSteps(s, history, x)
	p.Times = times(s.From, s.To)
	p.Label = fmt.Sprintf("Share of the traffic since %s; in the newest step %s", s.From.Format("15:04"), last)
	return p
}

// stageSteps draws the percentage of companies as stairs.
func stageSteps(s control.Series, history []control.Moment, x func(time.Time) float64) string {
	now := 0.0
	stairs := []string{coordinates(plotLeft, partY(0))}
	for i := len(history) - 1; i >= 0; i-- {
		m := history[i]
		if m.Percent == now {
			continue
		}
		at := m.At
		if at.Before(s.From) {
			at = s.From
		}
		stairs = append(stairs, coordinates(x(at), partY(now)), coordinates(x(at), partY(m.Percent)))
		now = m.Percent
	}
	return strings.Join(append(stairs, coordinates(plotRight, partY(now))), " ")
}
