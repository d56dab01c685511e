package demo

import (
	"math/rand/v2"
	"strings"

	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

// profile is what a company is like.
type profile struct {
	ID, Name, Kind, City string

	months, days int // how long it has been a customer
	steps        []step
	plan         string // the one that it spends most of its time on; empty: none
	volume       int    // quotes in a billing period
	within       int    // days of a period in which it asks for them; 0: all
	jobs         int    // bulk jobs in a billing period
	partners     int64  // listed in the directory
	quiet        int    // days since it last asked for anything
}

// The companies whose keys are handed out.
const (
	StarterCompany    = "maple-street-coffee"
	ProCompany        = "transbotai-demo"
	EnterpriseCompany = "harborline-logistics"
)

// featured are told of in the README.
var featured = []profile{
	{
		ID: ProCompany, Name: "Trans Bot Demo Shipping", Kind: "shipper", City: "Chicago, IL", months: 14, days: 16,
		plan: "pro", volume: 190, jobs: 3, partners: 140, steps: append(upgradedTo("pro", 150), fairGrant),
	},
	{
		ID: EnterpriseCompany, Name: "Harborline Logistics", Kind: "broker", City: "Newark, NJ", months: 22, days: 12,
		plan: "enterprise", volume: 420, jobs: 9, partners: 420, steps: upgradedTo("enterprise", 300),
	},
	{ // two quotes before its limit
		ID: StarterCompany, Name: "Maple Street Coffee", Kind: "shipper", City: "Portland, OR", months: 3, days: 25,
		plan: "starter", volume: 98, within: 20, partners: 18, steps: steady("starter"),
	},
}

// The words that the other companies' names are made of.
var (
	firstWords = []string{
		"Prairie", "Redwood", "Lakeshore", "Summit", "Coastal", "Ironwood", "Bluegrass", "Canyon", "Keystone", "Magnolia",
		"Northgate", "Pinecrest", "Riverbend", "Sagebrush", "Tidewater", "Westfield", "Copper", "Juniper", "Granite", "Delta",
	}
	lastWords = map[string][]string{
		"shipper": {"Foods", "Furniture", "Paper Mills", "Tools", "Outdoor Supply", "Beverages"},
		"broker":  {"Freight Brokers", "Logistics", "Load Services", "Forwarding"},
		"carrier": {"Trucking", "Haulage", "Transport", "Lines"},
	}
	kinds      = []string{"shipper", "shipper", "shipper", "broker", "broker", "carrier"}
	firstNames = []string{"Ada", "Ben", "Carla", "Diego", "Elena", "Frank", "Grace", "Hiro", "Ines", "Jamal", "Kate", "Luis", "Mona", "Nils", "Olga", "Priya"}
	lastNames  = []string{"Alvarez", "Baker", "Chen", "Diaz", "Evans", "Fischer", "Garcia", "Hughes", "Ivanova", "Jones", "Khan", "Lopez", "Moore", "Nguyen", "Okafor", "Patel"}
)

// profiles returns all forty companies.
func profiles() []profile {
	r := rand.New(rand.NewPCG(4, 2026))
	all := featured
	taken := map[string]bool{}
	for i := 0; len(all) < 40; i++ {
		p := made(r, stories[i%len(stories)])
		if taken[p.ID] {
			continue
		}
		taken[p.ID] = true
		all = append(all[:len(all):len(all)], p)
	}
	return all
}

// made makes up a company with a story.
func made(r *rand.Rand, s story) profile {
	kind := kinds[r.IntN(len(kinds))]
	words := lastWords[kind]
	name := firstWords[r.IntN(len(firstWords))] + " " + words[r.IntN(len(words))]
	p := profile{
		ID: strings.ReplaceAll(lower(name), " ", "-"), Name: name, Kind: kind,
		City: freight.Places()[r.IntN(len(freight.Places()))], plan: s.plan, steps: s.steps, quiet: s.quiet,
		months: s.months, days: s.days + r.IntN(5),
	}
	v := volumes[s.plan]
	p.volume, p.jobs, p.partners = v.quotes+r.IntN(v.quotes+1), r.IntN(v.jobs+1), int64(v.partners+r.IntN(v.partners+1))
	return p
}

// volumes are the least that a company on a plan does in a billing period; up to twice as much is done.
var volumes = map[string]struct{ quotes, jobs, partners int }{
	"starter": {28, 0, 9}, "pro": {90, 4, 32}, "enterprise": {160, 8, 98}, "": {},
}

func lower(s string) string { return strings.ToLower(s) }
