package web

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directoryhttp"
)

// searchView is the public search.
type searchView struct {
	Text    string
	Sort    directory.Sort
	Results []foundPartner
	Facets  []facetView
	Next    string // address of the next page; empty at the end
	First   bool   // this is the first page
	Chosen  []choice
}

// foundPartner is a result. What was found in it is marked by the directory, which has escaped everything else.
type foundPartner struct {
	directory.Result
	Name    template.HTML
	Snippet template.HTML
}

// facetView is what results can be narrowed down by.
type facetView struct {
	Title string
	Links []choice
}

// choice is a value that is chosen or can be, and where that leads.
type choice struct {
	Field string // of the form
	Value string
	Count int64
	On    bool
	To    string
}

var facetTitles = map[directory.Facet]string{directory.FacetServices: "Services", directory.FacetRegions: "Regions"}

// partnersPerPage bounds a page of results.
const partnersPerPage = 12

func (s *Server) searchPage(w http.ResponseWriter, r *http.Request, v visitor) {
	status, alert, page := http.StatusOK, "", searchView{First: true}
	search, err := directoryhttp.Parse(r)
	search.Limit, search.Facets = partnersPerPage, []directory.Facet{directory.FacetServices, directory.FacetRegions}
	var found *directory.Page
	if err == nil {
		found, err = s.Partners.Book.Search(r.Context(), search)
	}
	switch {
	case errors.Is(err, tenon.ErrInvalid):
		status, alert = http.StatusBadRequest, "That cannot be searched for."
	case err != nil:
		s.failPage(w, r, err)
		return
	default:
		page = searchViewOf(r.URL.Query(), search, found)
	}
	s.render(w, r, status, "partners", view{Title: "Partners", Visitor: v, Alert: alert, Page: page})
}

func searchViewOf(query url.Values, search directory.Search, found *directory.Page) searchView {
	page := searchView{Text: search.Text, Sort: search.Sort, First: search.After == ""}
	for _, result := range found.Results {
		page.Results = append(page.Results, foundPartner{
			Result: result, Name: template.HTML(result.NameHTML), Snippet: template.HTML(result.SnippetHTML), //nolint:gosec // escaped by the directory
		})
	}
	for _, facet := range search.Facets {
		field, chosen := "service", search.Services
		if facet == directory.FacetRegions {
			field, chosen = "region", search.Regions
		}
		f := facetView{Title: facetTitles[facet]}
		for _, c := range found.Facets[facet] {
			on := slices.Contains(chosen, c.Value)
			f.Links = append(f.Links, choice{Field: field, Value: c.Value, Count: c.Count, On: on, To: toggled(query, field, c.Value, on)})
		}
		page.Facets = append(page.Facets, f)
		for _, value := range chosen {
			page.Chosen = append(page.Chosen, choice{Field: field, Value: value, On: true, To: toggled(query, field, value, true)})
		}
	}
	if found.Next != "" {
		page.Next = address(query, "after", found.Next)
	}
	return page
}

// toggled is where a value of a facet leads: to the same search with it, or without it when it is chosen.
func toggled(query url.Values, field, value string, on bool) string {
	q := cloned(query)
	q.Del("after")
	if on {
		q[field] = slices.DeleteFunc(q[field], func(v string) bool { return v == value })
	} else {
		q.Add(field, value)
	}
	return "/partners?" + q.Encode()
}

func address(query url.Values, field, value string) string {
	q := cloned(query)
	q.Set(field, value)
	return "/partners?" + q.Encode()
}

func cloned(query url.Values) url.Values {
	q := url.Values{}
	for field, values := range query {
		q[field] = slices.Clone(values)
	}
	return q
}

func (s *Server) partnerPage(w http.ResponseWriter, r *http.Request, v visitor) {
	p, err := s.Partners.Book.Public(r.Context(), r.PathValue("id"))
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, "partner", view{Title: p.Name, Visitor: v, Page: p})
}

// invitationPage asks who was invited whether they want to be listed. Looking at it answers nothing: programs that check
// mail for bad addresses look as well.
func (s *Server) invitationPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.render(w, r, http.StatusOK, "invitation", view{Title: "You are invited", Visitor: v, Page: r.PathValue("token")})
}

func (s *Server) answerInvitation(w http.ResponseWriter, r *http.Request, v visitor) {
	token, err := r.PathValue("token"), error(nil)
	said := "Thank you. You are in the directory as soon as somebody has looked at your entry."
	if r.PostFormValue("answer") == "decline" {
		said = "That is a pity. Nothing of you is shown."
		_, err = s.Partners.Book.Decline(r.Context(), token)
	} else {
		var d *directory.Dossier
		if d, err = s.Partners.Accept(r.Context(), token); err == nil && d.Status == directory.Published {
			said = "Thank you. You are in the directory now."
		}
	}
	if errors.Is(err, directory.ErrInvitation) {
		s.errorPage(w, r, http.StatusForbidden, "The invitation is not valid, or no longer.")
		return
	}
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, "invitation", view{Title: "You are invited", Visitor: v, Done: said, Page: ""})
}
