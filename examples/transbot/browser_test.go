package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
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

// at begins the addresses of the demo company's pages.
const at = "/companies/" + demoCompany

// stop is a page, and what people do there first of all. A route of a page without one fails the test.
type stop struct {
	route string // as it is registered, without its method
	path  string
	via   string // a selector of the link on path that leads to the page; empty: path is the page's own
	name  string // of its pictures
	fails int64  // the status when it is to fail; 0: it is not
	tour  bool   // the tour comes up, and stays
	do    func(b tab)
}

// stops are all pages, in the order in which they are walked.
var stops = map[who][]stop{
	nobody: {
		{route: "/{$}", path: "/", name: "home", do: goToCalculator},
		{route: "/calculator", path: "/calculator", name: "calculator", do: startTrial}, // and /signup, /signup/{lead}/{token}
		{route: "/partners", path: "/partners", name: "partners", do: findPartners},
		{route: "/partners/{id}", path: "/partners", via: ".result a", name: "partner"},
		{route: "/signin", path: "/signin", name: "signin", do: mistypeKey},
		{route: "/", path: "/nowhere", name: "error", fails: 404},
	},
	company: {
		{route: "/companies/{company}", path: at, name: "company"},
		{route: "/companies/{company}/rates", path: at + "/rates?tour=rates", name: "tour", tour: true, do: takeTour},
		{route: "/companies/{company}/rates", path: at + "/rates", name: "rates", do: askPrice},
		{route: "/companies/{company}/rates/jobs/{job}", path: at + "/rates", name: "bulk", do: askPrices},
		{route: "/companies/{company}/directory", path: at + "/directory", name: "listings", do: listPartner},
		{route: "/companies/{company}/directory/{partner}", path: at + "/directory", via: "table a", name: "listing"},
		{route: "/invitations/{token}", path: at + "/directory", name: "listings-again", do: invitePartner},
		{route: "/companies/{company}/support", path: at + "/support", name: "support", do: openTicket},
		{route: "/companies/{company}/support/{ticket}", path: at + "/support", via: "table a", name: "ticket", do: writeToUs},
		{route: "/companies/{company}/billing", path: at + "/billing", name: "billing", do: subscribe},
		{route: "/companies/{company}/data", path: at + "/data", name: "data", do: takeDataAlong},
		{route: "/companies/{company}/audit", path: at + "/audit", name: "company-audit", do: searchOwnRecords},
	},
	staff: {
		{route: "/dashboard", path: "/dashboard", name: "dashboard", do: seePlots},
		{route: "/control", path: "/control", name: "control", do: rollOut},
		{route: "/control/restore", path: "/control/restore", name: "restore", do: restoreAside},
		{route: "/companies", path: "/companies", name: "companies", do: openCompany},
		{route: "/companies/{company}", path: "/companies/harborline-logistics", name: "company-staff", do: grantUnits},
		{route: "/companies/{company}/features/{feature}", path: "/companies/harborline-logistics/features/rates", name: "explain"},
		{route: "/trials", path: "/trials", name: "trials"},
		{route: "/flags", path: "/flags", name: "flags", do: explainFlag},
		{route: "/flags/{flag}", path: "/flags/bulk_rating", name: "flag", do: changeFlag},
		{route: "/kpi", path: "/kpi", name: "kpi", do: chooseZone},
		{route: "/directory", path: "/directory", name: "directory", do: verifyPartner},
		{route: "/support", path: "/support", name: "desk", do: workOnTicket},
		{route: "/support/findings", path: "/support/findings", name: "findings", do: fixFinding},
		{route: "/audit", path: "/audit", name: "audit", do: verifyLog},
		{route: "/privacy", path: "/privacy", name: "privacy", do: planErasure},
		{route: "/isolation", path: "/isolation", name: "isolation", do: proveIsolation},
		{route: "/slo", path: "/slo", name: "slo", do: drill},
	},
}

// Every page is opened and used on a phone and at a desk, and looked at in light and in dark. The colours make no difference
// to what people do, so who uses them has the light ones on, and with TENON_SOAK once more the dark ones.
func TestBrowser(t *testing.T) {
	t.Parallel()
	c := startChromium(t)
	schemes := []bool{false, true}
	if !thorough() {
		schemes = schemes[:1]
	}
	for _, l := range []look{{size: "phone", width: 390, height: 844}, {size: "desktop", width: 1280, height: 900}} {
		t.Run(l.size, func(t *testing.T) {
			t.Parallel()
			mails := t.TempDir()
			s := newSite(t, "-demo", "-partners", "5", "-mail", mails)
			require.Eventually(t, func() bool { return strings.Contains(s.log.String(), "partners listed") }, time.Minute, 20*time.Millisecond)
			keys := map[who]string{company: printed(s)["PRO_KEY"], staff: adminKey}
			for _, l.dark = range schemes {
				for _, w := range []who{nobody, company, staff} {
					t.Run(l.mode()+"/"+string(w), func(t *testing.T) { tour(c.open(t, s, l, mails), keys[w], stops[w]) })
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
	if !p.tour {
		b.dismissTour()
	}
	b.inspect(p.name)
	if p.do != nil {
		p.do(b)
	}
	b.quiet()
}

// inspect checks the page that is shown and keeps pictures of it. Each of the slower checks is done in one look or two:
// axe-core sees both schemes and both sizes, the keyboard is one of a desk.
func (b tab) inspect(name string) {
	b.Helper()
	own := b.look.dark
	for _, b.look.dark = range []bool{!own, own} {
		b.do(b.look.scheme())
		b.wellFormed()
		b.picture(name)
		if b.look.phone() == b.look.dark {
			b.accessible()
		}
	}
	if !b.look.phone() && !b.look.dark && b.count("dialog[open]") == 0 {
		b.walkable()
		b.skips()
	}
}

// thorough says whether nothing is left out.
func thorough() bool { return os.Getenv("TENON_SOAK") != "" }

// open opens the page itself.
func (p stop) open(b tab) {
	if p.fails != 0 {
		b.seen.expect(b.site.url + p.path)
	}
	require.Equal(b, max(p.fails, 200), b.visit(p.path), p.path)
	if p.via != "" {
		b.follow(p.via)
	}
}

// dismissTour ends the tour that comes up when somebody sees a page for the first time.
func (b tab) dismissTour() {
	b.Helper()
	if b.count("dialog[open]") > 0 {
		b.press(kb.Escape)
		b.wait(`!document.querySelector("dialog[open]")`)
	}
}
