package freight

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// point is a place on the globe, in degrees.
type point struct{ lat, lon float64 }

// places are where the platform rates lanes.
var places = map[string]point{
	"Atlanta, GA":        {33.749, -84.388},
	"Baltimore, MD":      {39.290, -76.612},
	"Boston, MA":         {42.360, -71.058},
	"Charlotte, NC":      {35.227, -80.843},
	"Chicago, IL":        {41.878, -87.630},
	"Cleveland, OH":      {41.499, -81.694},
	"Columbus, OH":       {39.961, -82.999},
	"Dallas, TX":         {32.777, -96.797},
	"Denver, CO":         {39.739, -104.990},
	"Detroit, MI":        {42.331, -83.046},
	"El Paso, TX":        {31.762, -106.485},
	"Houston, TX":        {29.760, -95.370},
	"Indianapolis, IN":   {39.768, -86.158},
	"Jacksonville, FL":   {30.332, -81.656},
	"Kansas City, MO":    {39.100, -94.579},
	"Laredo, TX":         {27.506, -99.507},
	"Los Angeles, CA":    {34.052, -118.244},
	"Louisville, KY":     {38.253, -85.759},
	"Memphis, TN":        {35.150, -90.049},
	"Miami, FL":          {25.762, -80.192},
	"Minneapolis, MN":    {44.978, -93.265},
	"Nashville, TN":      {36.163, -86.781},
	"New Orleans, LA":    {29.951, -90.072},
	"Newark, NJ":         {40.736, -74.172},
	"Oakland, CA":        {37.804, -122.271},
	"Omaha, NE":          {41.257, -95.935},
	"Philadelphia, PA":   {39.953, -75.165},
	"Phoenix, AZ":        {33.448, -112.074},
	"Pittsburgh, PA":     {40.441, -79.996},
	"Portland, OR":       {45.515, -122.678},
	"Reno, NV":           {39.530, -119.814},
	"Salt Lake City, UT": {40.761, -111.891},
	"San Antonio, TX":    {29.424, -98.494},
	"Savannah, GA":       {32.081, -81.091},
	"Seattle, WA":        {47.606, -122.332},
	"St. Louis, MO":      {38.627, -90.199},
	"Stockton, CA":       {37.958, -121.291},
	"Tampa, FL":          {27.951, -82.457},
}

var placeNames = slices.Sorted(maps.Keys(places))

// Places returns the names of the places between which lanes are rated, in order.
func Places() []string { return slices.Clone(placeNames) }

// findPlace returns a place's name as the platform spells it, whatever the case and the spaces around.
func findPlace(s string) (string, bool) {
	s = strings.TrimSpace(s)
	i := slices.IndexFunc(placeNames, func(name string) bool { return strings.EqualFold(name, s) })
	if i < 0 {
		return "", false
	}
	return placeNames[i], true
}

// earthRadius in kilometres, and what roads add to the way as the crow flies.
const (
	earthRadius = 6371.0
	detour      = 1.2
)

// distance returns the kilometres by road between two different places: the great circle by the haversine formula,
// times detour, rounded.
func distance(from, to string) int {
	a, b := places[from], places[to]
	rad := math.Pi / 180
	sinLat, sinLon := math.Sin((b.lat-a.lat)*rad/2), math.Sin((b.lon-a.lon)*rad/2)
	h := sinLat*sinLat + math.Cos(a.lat*rad)*math.Cos(b.lat*rad)*sinLon*sinLon
	return int(math.Round(2 * earthRadius * math.Asin(math.Sqrt(h)) * detour))
}
