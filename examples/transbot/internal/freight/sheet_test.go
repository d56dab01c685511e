package freight_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

func TestParseLanes(t *testing.T) {
	t.Parallel()
	two := []freight.Lane{
		{Origin: "Reno, NV", Destination: "Miami, FL", WeightKG: 4200, Pallets: 7, ReadyOn: "2026-04-02"},
		{Origin: "Boston, MA", Destination: "Dallas, TX", WeightKG: 900},
	}
	for name, sheet := range map[string]string{
		"semicolons":          "Reno, NV; Miami, FL; 4,200; 7; 2026-04-02\nBoston, MA; Dallas, TX; 900",
		"copied_from_a_table": "Reno, NV\tMiami, FL\t4200\t7\t2026-04-02\r\nBoston, MA\tDallas, TX\t900\t\t\r\n",
		"csv":                 "\"Reno, NV\",\"Miami, FL\",4200,7,2026-04-02\n\"Boston, MA\",\"Dallas, TX\",900,,\n",
		"commas_without_care": "Reno, NV, Miami, FL, 4200, 7, 2026-04-02\nBoston, MA, Dallas, TX, 900",
		"with_titles":         "Origin;Destination;Weight;Pallets;Ready on\nReno, NV;Miami, FL;4200;7;2026-04-02\n\nBoston, MA;Dallas, TX;900",
		"with_a_mark":         "\ufeffReno, NV;Miami, FL;4200;7;2026-04-02\nBoston, MA;Dallas, TX;900\n;;\n",
	} {
		lanes, faults := freight.ParseLanes(sheet)
		require.Empty(t, faults, name)
		require.Equal(t, two, lanes, name)
	}
}

func TestParseLanesNamesTheLine(t *testing.T) {
	t.Parallel()
	lanes, faults := freight.ParseLanes("from;to;weight\nReno, NV;Miami, FL;lots\nReno, NV;Miami, FL\nReno, NV;Miami, FL;9;a few\nReno, NV;Miami, FL;9;1")
	require.Len(t, lanes, 1)
	require.Equal(t, []freight.Fault{
		{Line: 2, Says: `has "lots" for a weight, which is no whole number`},
		{Line: 3, Says: "has 2 cells, not 3 to 5"},
		{Line: 4, Says: `has "a few" for pallets, which is no whole number`},
	}, faults)
	lanes, faults = freight.ParseLanes("")
	require.Empty(t, lanes)
	require.Empty(t, faults)
}

func FuzzParseLanes(f *testing.F) {
	f.Add("Reno, NV; Miami, FL; 4200; 7; 2026-04-02")
	f.Add("\"Reno, NV\",\"Miami, FL\",4200\n\"")
	f.Add("origin\tdestination\n\t\t\n")
	f.Fuzz(func(t *testing.T, sheet string) {
		lanes, faults := freight.ParseLanes(sheet)
		require.LessOrEqual(t, len(lanes)+len(faults), 1+strings.Count(sheet, "\n")+strings.Count(sheet, "\r"))
		for _, fault := range faults {
			require.Positive(t, fault.Line)
			require.NotEmpty(t, fault.Says)
		}
	})
}
