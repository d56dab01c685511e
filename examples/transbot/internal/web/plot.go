package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon/slo"
)

// The plot's size, in units of its picture. Above is how much of the budget was used by each moment, below which share
// of the events was bad.
const (
	plotLeft   = 64
	plotRight  = 632
	curveTop   = 8
	curveFloor = 108
	barsTop    = 124
	barsFloor  = 164
)

// plot is an objective over its window, as a picture.
type plot struct {
	Curve string // the points of a line
	Area  string // the same, closed
	Bars  []plotBar
	Marks []plotMark // lines across the curve
	Times []plotTime
	Most  string // the greatest share of bad events, which the tallest bar shows
	Label string // for who cannot see it
}

type plotBar struct {
	X, Y, Width, Height float64
	Title               string
}

type plotMark struct {
	Y     float64
	Text  string
	Class string
}

type plotTime struct {
	X      float64
	Text   string
	Anchor string
}

// newPlot draws points of one length, oldest first.
func newPlot(s slo.Status, points []slo.Point) plot {
	p := plot{Label: label(s)}
	if len(points) == 0 {
		return p
	}
	width := float64(plotRight-plotLeft) / float64(len(points))
	used := consumption(s, points)
	top := scaleTop(used)
	most := mostBad(points)
	var line []string
	for i, point := range points {
		x := plotLeft + float64(i)*width
		line = append(line, coordinates(x+width, curveY(used[i], top)))
		if bad := share(point.Count.Bad(), point.Count.Valid); bad > 0 {
			height := max(bad/most*(barsFloor-barsTop), 1)
			p.Bars = append(p.Bars, plotBar{
				X: round(x), Y: round(barsFloor - height), Width: round(max(width-1, 0.5)), Height: round(height),
				Title: fmt.Sprintf("%s: %d of %d bad", point.From.Format("15:04"), point.Count.Bad(), point.Count.Valid),
			})
		}
	}
	start := coordinates(plotLeft, curveY(0, top))
	p.Curve = start + " " + strings.Join(line, " ")
	p.Area = p.Curve + " " + coordinates(plotRight, curveFloor) + " " + coordinates(plotLeft, curveFloor)
	p.Marks, p.Times, p.Most = marks(top), times(s.From, s.At), percent(most)
	return p
}

// consumption returns the share of the budget that was used at the end of each point. The budget is that of the whole
// window as it is now, so that the last point is what is consumed.
func consumption(s slo.Status, points []slo.Point) []float64 {
	used := make([]float64, len(points))
	var bad int64
	for i, point := range points {
		bad += point.Count.Bad()
		switch {
		case s.Allowed > 0:
			used[i] = float64(bad) / s.Allowed
		case bad > 0:
			used[i] = 2 // a budget of nothing: past all marks
		}
	}
	return used
}

// scaleTop is what the curve's upper edge stands for: the whole budget, or what was used when that is more.
func scaleTop(used []float64) float64 {
	return max(used[len(used)-1], 1) * 1.08
}

func curveY(used, top float64) float64 {
	return curveFloor - min(used/top, 1)*(curveFloor-curveTop)
}

// mostBad is in percent, and never 0.
func mostBad(points []slo.Point) float64 {
	most := 0.01
	for _, point := range points {
		most = max(most, share(point.Count.Bad(), point.Count.Valid))
	}
	return most
}

func marks(top float64) []plotMark {
	list := []plotMark{
		{curveFloor, "0 %", "axis"}, {curveY(0.5, top), "50 %", "freeze"}, {curveY(1, top), "100 %", "spent"},
	}
	if top > 4 { // the two would lie on each other
		list = []plotMark{list[0], list[2]}
	}
	for i := range list {
		list[i].Y = round(list[i].Y)
	}
	return list
}

func times(from, to time.Time) []plotTime {
	middle := from.Add(to.Sub(from) / 2)
	return []plotTime{
		{plotLeft, from.Format("15:04"), "start"}, {(plotLeft + plotRight) / 2, middle.Format("15:04"), "middle"}, {plotRight, "now", "end"},
	}
}

// label says in words what the plot shows.
func label(s slo.Status) string {
	return fmt.Sprintf("%s: %d of %d events were bad since %s, %s of the budget is used", s.Objective.Name,
		s.Count.Bad(), s.Count.Valid, s.From.Format("15:04"), percent(s.Consumed*100))
}

func coordinates(x, y float64) string {
	return strconv.FormatFloat(round(x), 'f', -1, 64) + "," + strconv.FormatFloat(round(y), 'f', -1, 64)
}

func round(f float64) float64 { return math.Round(f*100) / 100 }

// percent writes a number of hundredths as far as it says something.
func percent(f float64) string {
	switch {
	case math.IsInf(f, 0) || math.IsNaN(f):
		return "more than all"
	case f == 0 || f >= 10:
		return strconv.FormatFloat(f, 'f', 0, 64) + " %"
	case f >= 1:
		return strconv.FormatFloat(f, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(f, 'f', 2, 64) + " %"
}

// exactly writes a share of one in percent, without more places than it needs.
func exactly(f float64) string {
	if f > 0.9 && f < 1 {
		return strconv.FormatFloat(math.Floor(f*1e5)/1e3, 'f', -1, 64) + " %" // never rounds up to the target
	}
	return percent(f * 100)
}

// brief writes a duration in its largest units.
func brief(d time.Duration) string {
	switch {
	case d >= 48*time.Hour || d >= 24*time.Hour && d%(24*time.Hour) == 0:
		return strconv.FormatFloat(round(d.Hours()/24), 'f', -1, 64) + " d"
	case d >= time.Hour:
		return strconv.FormatFloat(round(d.Hours()), 'f', -1, 64) + " h"
	case d >= time.Minute:
		return strconv.FormatFloat(round(d.Minutes()), 'f', -1, 64) + " min"
	case d >= time.Second:
		return strconv.FormatFloat(round(d.Seconds()), 'f', -1, 64) + " s"
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
}

// Describe says how to read the plot, for who cannot see it.
func (plot) Describe() string {
	return "A line of how much of the budget was used by each moment, with marks at half of it and at all of it; below, bars of the share of bad events."
}
