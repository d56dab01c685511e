package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// link leads to a page.
type link struct {
	To, Name string
	Current  string // of aria-current: page on the page itself, true on those below it
}

// linkGroup is links that belong together.
type linkGroup struct {
	Name  string
	Links []link
}

// navigation is how a visitor gets around.
type navigation struct {
	Groups []linkGroup // of the staff
	Links  []link      // of everybody else
	Tabs   []link      // the pages of the company that is looked at
}

// staffLinks are the pages of the staff, by what they are about.
var staffLinks = []linkGroup{
	{"Overview", []link{{To: "/dashboard", Name: "Dashboard"}, {To: "/control", Name: "Control room"}}},
	{"Customers", []link{
		{To: "/companies", Name: "Companies"},
		{To: "/trials", Name: "Trials"},
		{To: "/directory", Name: "Directory"},
		{To: "/support", Name: "Help desk"},
	}},
	{"Product", []link{{To: "/flags", Name: "Flags"}, {To: "/kpi", Name: "Figures"}}},
	{"Operations", []link{
		{To: "/slo", Name: "Objectives"}, {To: "/support/findings", Name: "Findings"}, {To: "/control/restore", Name: "Restore drill"},
	}},
	{"Trust", []link{{To: "/audit", Name: "Audit"}, {To: "/privacy", Name: "Privacy"}, {To: "/isolation", Name: "Isolation"}}},
}

// publicLinks are for whoever is not signed in.
var publicLinks = []link{
	{To: "/calculator", Name: "Savings calculator"}, {To: "/partners", Name: "Find partners"}, {To: "/signin", Name: "Sign in"},
}

// companyLinks are the pages of a company, below its own.
var companyLinks = []link{
	{To: "", Name: "Overview"},
	{To: "/rates", Name: "Rates"},
	{To: "/directory", Name: "Directory"},
	{To: "/billing", Name: "Subscription"},
	{To: "/support", Name: "Support"},
	{To: "/data", Name: "Data"},
	{To: "/audit", Name: "Audit"},
}

// navigate returns the ways that are open to a visitor, with the present page marked.
func (s *Server) navigate(v visitor, r *http.Request) navigation {
	var n navigation
	switch {
	case v.Staff():
		for _, g := range staffLinks {
			n.Groups = append(n.Groups, linkGroup{g.Name, below("", g.Links)})
		}
	case v.In():
		n.Links = []link{{To: companyPath(v.Company), Name: "My company"}, {To: "/partners", Name: "Find partners"}}
	default:
		n.Links = below("", publicLinks)
	}
	if company := r.PathValue("company"); company != "" && v.sees(company) {
		n.Tabs = below(companyPath(company), companyLinks)
		if s.Billing == nil {
			n.Tabs = slices.DeleteFunc(n.Tabs, func(l link) bool { return l.To == billingPath(company) })
		}
	}
	n.mark(r.URL.Path)
	return n
}

// companyPath is where a company's pages are.
func companyPath(company string) string { return "/companies/" + url.PathEscape(company) }

// below returns the links as seen from a path.
func below(path string, links []link) []link {
	list := make([]link, len(links))
	for i, l := range links {
		list[i] = link{To: path + l.To, Name: l.Name}
	}
	return list
}

// mark marks the links to the present page, or to the nearest above it.
func (n *navigation) mark(path string) {
	var side []*link
	for _, g := range n.Groups {
		for i := range g.Links {
			side = append(side, &g.Links[i])
		}
	}
	for i := range n.Links {
		side = append(side, &n.Links[i])
	}
	markNearest(side, path)
	var tabs []*link
	for i := range n.Tabs {
		tabs = append(tabs, &n.Tabs[i])
	}
	markNearest(tabs, path)
}

func markNearest(links []*link, path string) {
	var nearest *link
	for _, l := range links {
		if (path == l.To || strings.HasPrefix(path, l.To+"/")) && (nearest == nil || len(l.To) > len(nearest.To)) {
			nearest = l
		}
	}
	switch {
	case nearest == nil:
	case nearest.To == path:
		nearest.Current = "page"
	default:
		nearest.Current = "true"
	}
}
