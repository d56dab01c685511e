package freight

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Fault is what is wrong with a line of a sheet.
type Fault struct {
	Line int // from 1
	Says string
}

// ParseLanes reads lanes as people keep them in a sheet: a line each of origin, destination, weight in kilograms and, if
// they like, pallets and the day. Cells are apart by tabs, semicolons or commas, whichever the first line has, and a line
// of titles is passed over. It looks at the form alone; whether a lane can be rated is for [RateLane].
func ParseLanes(sheet string) (lanes []Lane, faults []Fault) {
	sheet = strings.TrimPrefix(sheet, "\ufeff") // some programs write one first
	r := csv.NewReader(strings.NewReader(sheet))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes, r.TrimLeadingSpace = separator(sheet), -1, true, true
	for first := true; ; first = false {
		cells, err := r.Read()
		var wrong *csv.ParseError
		switch {
		case err == io.EOF:
			return lanes, faults
		case errors.As(err, &wrong):
			return lanes, append(faults, Fault{wrong.Line, "cannot be read"})
		}
		cells = joined(cells)
		if first && isTitle(cells) || strings.Join(cells, "") == "" {
			continue
		}
		lane, says := laneOf(cells)
		if says != "" {
			line, _ := r.FieldPos(0)
			faults = append(faults, Fault{line, says})
			continue
		}
		lanes = append(lanes, lane)
	}
}

// separator is what stands between the cells of a sheet.
func separator(sheet string) rune {
	line, _, _ := strings.Cut(strings.TrimLeft(sheet, "\r\n"), "\n")
	for _, s := range "\t;" {
		if strings.ContainsRune(line, s) {
			return s
		}
	}
	return ','
}

var state = regexp.MustCompile(`^[A-Z]{2}$`)

// joined puts places together that a comma has cut apart, as in Reno, NV.
func joined(cells []string) []string {
	var whole []string
	for i, cell := range cells {
		cell = strings.TrimSpace(cell)
		if n := len(whole); i > 0 && n > 0 && n <= 2 && state.MatchString(cell) && !strings.Contains(whole[n-1], ",") {
			whole[n-1] += ", " + cell
			continue
		}
		whole = append(whole, cell)
	}
	return whole
}

func isTitle(cells []string) bool {
	switch strings.ToLower(cells[0]) {
	case "origin", "from":
		return true
	}
	return false
}

// laneOf reads a line, or says what is wrong with it.
func laneOf(cells []string) (l Lane, says string) {
	if len(cells) < 3 || len(cells) > 5 {
		return l, fmt.Sprintf("has %d cells, not 3 to 5", len(cells))
	}
	cells = append(cells, "", "")[:5]
	var ok bool
	l.Origin, l.Destination, l.ReadyOn = cells[0], cells[1], cells[4]
	if l.WeightKG, ok = whole(cells[2]); !ok {
		return l, fmt.Sprintf("has %q for a weight, which is no whole number", cells[2])
	}
	if l.Pallets, ok = whole(cells[3]); !ok && cells[3] != "" {
		return l, fmt.Sprintf("has %q for pallets, which is no whole number", cells[3])
	}
	return l, ""
}

// whole reads a number with or without commas between its thousands.
func whole(cell string) (int, bool) {
	n, err := strconv.Atoi(strings.ReplaceAll(cell, ",", ""))
	return n, err == nil
}
