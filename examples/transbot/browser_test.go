package main

import (
	"testing"
)

// who is in front of the browser.
type who string

const (
	nobody  who = "nobody"
	company who = "company"
	staff   who = "staff"
)

// demoCompany is whose key a company's people use.
const demoCompany = "transbotai-demo"

// stop is a page, and what people do there first of all.
type stop struct {
	route  string // as it is registered
	path   string
	via    string // a selector of the link on path that leads to the page; empty: path is the page's own
	name   string // of its pictures
	status int64  // 0: 200
	do     func(b tab)
}

// stops are all pages, in the order in which they are walked.
var stops = map[who][]stop{
	nobody: {
		{route: "GET /signin", path: "/signin", name: "signin"},
		{route: "GET /partners", path: "/partners", name: "partners", do: findPartners},
		{route: "GET /partners/{id}", path: "/partners", via: ".result a", name: "partner"},
		{route: "/", path: "/nowhere", name: "error", status: 404},
	},
	company: {
		{route: "GET /companies/{company}", path: "/companies/transbotai-demo", name: "company"},
		{route: "GET /companies/{company}/directory", path: "/companies/transbotai-demo/directory", name: "listings", do: listPartner},
		{route: "GET /companies/{company}/directory/{partner}", path: "/companies/transbotai-demo/directory", via: "table a", name: "listing"},
		{route: "GET /companies/{company}/support", path: "/companies/transbotai-demo/support", name: "support", do: openTicket},
		{route: "GET /companies/{company}/support/{ticket}", path: "/companies/transbotai-demo/support", via: "table a", name: "ticket", do: writeToUs},
		{route: "GET /companies/{company}/billing", path: "/companies/transbotai-demo/billing", name: "billing", do: subscribe},
		{route: "GET /companies/{company}/data", path: "/companies/transbotai-demo/data", name: "data", do: takeDataAlong},
		{route: "GET /companies/{company}/audit", path: "/companies/transbotai-demo/audit", name: "company-audit", do: searchOwnRecords},
	},
	staff: {
		{route: "GET /{$}", path: "/", name: "companies", do: openCompany},
		{route: "GET /companies/{company}", path: "/companies/harborline-logistics", name: "company-staff", do: grantUnits},
		{route: "GET /companies/{company}/features/{feature}", path: "/companies/harborline-logistics/features/rates", name: "explain"},
		{route: "GET /flags", path: "/flags", name: "flags", do: explainFlag},
		{route: "GET /flags/{flag}", path: "/flags/bulk_rating", name: "flag", do: changeFlag},
		{route: "GET /slo", path: "/slo", name: "slo", do: drill},
		{route: "GET /kpi", path: "/kpi", name: "kpi", do: chooseZone},
		{route: "GET /directory", path: "/directory", name: "directory", do: verifyPartner},
		{route: "GET /support", path: "/support", name: "desk", do: workOnTicket},
		{route: "GET /support/findings", path: "/support/findings", name: "findings", do: fixFinding},
		{route: "GET /audit", path: "/audit", name: "audit", do: verifyLog},
		{route: "GET /privacy", path: "/privacy", name: "privacy"},
		{route: "GET /isolation", path: "/isolation", name: "isolation", do: proveIsolation},
	},
}

// Every page is opened, checked, walked by the keyboard and used on a phone and at a desk, in light and in dark.
func TestBrowser(t *testing.T) {
	t.Parallel()
	c := startChromium(t)
	for _, l := range []look{{size: "phone", width: 390, height: 844}, {size: "desktop", width: 1280, height: 900}} {
		t.Run(l.size, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "-demo", "-partners", "5")
			keys := map[who]string{company: printed(s)["PRO_KEY"], staff: adminKey}
			for _, l.dark = range []bool{false, true} {
				for _, w := range []who{nobody, company, staff} {
					t.Run(l.mode()+"/"+string(w), func(t *testing.T) { tour(c.open(t, s, l), keys[w], stops[w]) })
				}
			}
		})
	}
}

// tour walks through pages in one tab.
func tour(b tab, key string, pages []stop) {
	t := b.T
	if key != "" {
		b.signIn(key)
		b.wellFormed()
	}
	for _, p := range pages {
		t.Run(p.name, func(t *testing.T) { p.visit(b.in(t)) })
	}
}

func (p stop) visit(b tab) {
	p.open(b)
	b.dismissTour()
	b.wellFormed()
	b.picture(p.name)
	if b.look.phone() == b.look.dark { // both schemes, each on one size
		b.accessible()
	}
	if !b.look.phone() && !b.look.dark {
		b.walkable()
	}
	if p.do != nil {
		p.do(b)
	}
	b.quiet()
}

// open opens the page itself.
func (p stop) open(b tab) {
	want := max(p.status, 200)
	if want != 200 {
		b.seen.expect(b.site.url + p.path)
	}
	status := b.visit(p.path)
	if p.via != "" {
		b.follow(p.via)
		return
	}
	if status != want {
		b.Fatalf("%s answers %d", p.path, status)
	}
}

// dismissTour ends the tour that comes up when somebody sees a page for the first time.
func (b tab) dismissTour() {
	if b.count("dialog[open]") > 0 {
		b.press("\x1b")
		b.wait(`!document.querySelector("dialog[open]")`)
	}
}
