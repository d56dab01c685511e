package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/partners"
)

// listingsView is a company's page of the partners that it lists.
type listingsView struct {
	Company  freight.Company
	Refused  *refusal // what keeps the company from listing partners; nil: nothing
	Closed   bool     // nothing is shown, since the directory is not switched on
	Write    bool     // the visitor may change something
	Meter    *meter
	Partners []*directory.Dossier
	Next     string // address of the next page
	Services []string
	Regions  []string
	Stale    []directory.StalePaper
}

// listingView is the page of a partner for the company that lists it.
type listingView struct {
	Company  freight.Company
	Refused  *refusal // what keeps the company from listing partners; nil: nothing
	Write    bool     // the visitor may change something
	Partner  *directory.Dossier
	Papers   []directory.Paper
	Services []pickable
	Regions  []pickable
	Kinds    []string
	Against  []string // why it was not listed
}

// pickable is a value of a list of boxes.
type pickable struct {
	Value string
	On    bool
}

var listingDone = map[string]string{
	"created": "The draft is kept. Hand it in when it is right.", "save": "The draft is kept.",
	"submit": "It is handed in. Somebody will look at it.", "confirm": "Thank you: it is marked as up to date.",
	"unpublish": "It is shown to nobody any more.", "remove": "It was removed.", "document": "The document was added.",
	"publish": "It is listed now.", "reject": "It was handed back.", "verify": "It is verified.", "unverify": "It is not verified any more.",
	"verify-document": "The document is verified.",
}

// listingsPerPage bounds a page of a company's partners.
const listingsPerPage = 25

func (s *Server) listingsPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showListings(w, r, v, http.StatusOK, "", "")
}

// showListings shows a company's partners. Invited is the address that was made for somebody who was just invited.
func (s *Server) showListings(w http.ResponseWriter, r *http.Request, v visitor, status int, invited, alert string) {
	page, err := s.listingsView(r, v)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	done := listingDone[r.URL.Query().Get("done")]
	if invited != "" {
		done = "Send this address to whom you invite, it is good for 30 days: " + invited
	}
	s.render(w, r, status, "listings", view{Title: "Directory of " + page.Company.Name, Visitor: v, Done: done, Alert: alert, Page: page})
}

func (s *Server) listingsView(r *http.Request, who visitor) (v listingsView, err error) {
	ctx, company := r.Context(), r.PathValue("company")
	if v.Company, err = s.companies.Company(ctx, company); err != nil {
		return v, err
	}
	if v.Refused, err = s.directoryRefuses(r); err != nil {
		return v, err
	}
	v.Refused.seenBy(who, v.Company.Name)
	v.Write = who.Staff() || !v.Refused.keepsOut()
	v.Closed = !v.Write && v.Refused.By == "flag"
	if v.Closed {
		return v, nil
	}
	v.Services, v.Regions = partners.Services, partners.Regions
	if v.Meter, err = s.directoryMeter(ctx, company); err != nil {
		return v, err
	}
	v.Partners, err = s.Partners.Book.List(ctx, directory.ListQuery{
		Tenant: company, After: r.URL.Query().Get("after"), Limit: listingsPerPage,
	})
	if err != nil {
		return v, err
	}
	if n := len(v.Partners); n == listingsPerPage {
		v.Next = "/companies/" + url.PathEscape(company) + "/directory?after=" + url.QueryEscape(v.Partners[n-1].ID)
	}
	stale, err := s.Partners.Book.Stale(ctx, company, "", listingsPerPage)
	if err == nil {
		v.Stale = stale.Papers
	}
	return v, err
}

// directoryMeter is how the company's plan stands, as the database has it.
func (s *Server) directoryMeter(ctx context.Context, company string) (*meter, error) {
	gate := s.Gate.WithStore(s.Store)
	versions, err := gate.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	d, err := gate.Check(ctx, company, partners.Feature)
	if err != nil {
		return nil, err
	}
	m := meters(versions, []entitlements.Decision{d})[0]
	return &m, nil
}

func (s *Server) createListing(w http.ResponseWriter, r *http.Request, v visitor) {
	profile, company := profileOf(r), r.PathValue("company")
	if r.PostFormValue("do") == "invite" {
		i, err := s.Partners.Book.Invite(r.Context(), company, profile)
		if err == nil {
			s.showListings(w, r, v, http.StatusOK, s.origin(r)+"/invitations/"+url.PathEscape(i.Token), "")
			return
		}
		s.refuseListing(w, r, v, err)
		return
	}
	d, err := s.Partners.Book.Create(r.Context(), company, profile)
	if err != nil {
		s.refuseListing(w, r, v, err)
		return
	}
	toListing(w, r, d.Ref, "created")
}

func (s *Server) refuseListing(w http.ResponseWriter, r *http.Request, v visitor, err error) {
	s.note(r, err)
	status, text := describe(err)
	s.showListings(w, r, v, status, "", text)
}

func toListing(w http.ResponseWriter, r *http.Request, ref directory.Ref, done string) {
	at := "/companies/" + url.PathEscape(ref.Tenant) + "/directory"
	if done != "remove" {
		at += "/" + ref.ID
	}
	http.Redirect(w, r, at+"?done="+done, http.StatusSeeOther)
}

// profileOf reads what a form says of a partner.
func profileOf(r *http.Request) directory.Profile {
	return directory.Profile{
		Name: r.PostFormValue("company_name"), Description: r.PostFormValue("description"), Services: r.PostForm["service"],
		Regions: r.PostForm["region"], Contact: r.PostFormValue("contact_email"), Website: r.PostFormValue("website"),
		ShowContact: r.PostFormValue("show_contact") != "", Public: r.PostFormValue("is_public") != "", Zone: r.PostFormValue("zone"),
	}
}

func (s *Server) listingPage(w http.ResponseWriter, r *http.Request, v visitor) {
	s.showListing(w, r, v, http.StatusOK, "", nil)
}

func (s *Server) showListing(w http.ResponseWriter, r *http.Request, v visitor, status int, alert string, refused []string) {
	page, err := s.listingView(r, v)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	if !page.Write && page.Refused.By == "flag" {
		s.showListings(w, r, v, status, "", "")
		return
	}
	page.Against = refused
	s.render(w, r, status, "listing", view{
		Title: page.Partner.Draft.Name, Visitor: v, Done: listingDone[r.URL.Query().Get("done")], Alert: alert, Page: page,
	})
}

func (s *Server) listingView(r *http.Request, who visitor) (v listingView, err error) {
	ctx, ref := r.Context(), listingRef(r)
	if v.Company, err = s.companies.Company(ctx, ref.Tenant); err != nil {
		return v, err
	}
	if v.Partner, err = s.Partners.Book.Partner(ctx, ref); err != nil {
		return v, err
	}
	if v.Refused, err = s.directoryRefuses(r); err != nil {
		return v, err
	}
	v.Refused.seenBy(who, v.Company.Name)
	v.Write, v.Kinds = who.Staff() || !v.Refused.keepsOut(), partners.Kinds
	v.Services, v.Regions = pickables(partners.Services, v.Partner.Draft.Services), pickables(partners.Regions, v.Partner.Draft.Regions)
	v.Papers, err = s.Partners.Book.Papers(ctx, ref)
	return v, err
}

// pickables are the values of a list with those that are chosen, known to the list or not.
func pickables(all, chosen []string) (list []pickable) {
	on := map[string]bool{}
	for _, value := range chosen {
		on[value] = true
	}
	for _, value := range all {
		list = append(list, pickable{value, on[value]})
		delete(on, value)
	}
	for _, value := range chosen {
		if on[value] {
			list = append(list, pickable{value, true})
		}
	}
	return list
}

// moveListing does what a form on a listing's page asks for.
func (s *Server) moveListing(w http.ResponseWriter, r *http.Request, v visitor) {
	err := s.change(r, listingRef(r), r.PathValue("move"))
	s.finishListing(w, r, v, err)
}

func (s *Server) finishListing(w http.ResponseWriter, r *http.Request, v visitor, err error) {
	var refused refusedError
	switch {
	case errors.As(err, &refused):
		s.showListing(w, r, v, http.StatusConflict, "It was not listed.", refused)
	case errors.Is(err, tenon.ErrNotFound):
		s.failPage(w, r, err)
	case err != nil:
		s.note(r, err)
		status, text := describe(err)
		s.showListing(w, r, v, status, text, nil)
	default:
		toListing(w, r, listingRef(r), r.PathValue("move"))
	}
}

// change does what the company itself may.
func (s *Server) change(r *http.Request, ref directory.Ref, move string) (err error) {
	ctx, book := r.Context(), s.Partners.Book
	switch move {
	case "save":
		version, _ := strconv.Atoi(r.PostFormValue("version"))
		_, err = book.Save(ctx, ref, version, profileOf(r))
	case "submit":
		version, _ := strconv.Atoi(r.PostFormValue("version"))
		_, err = book.Submit(ctx, ref, version)
	case "confirm":
		_, err = book.Confirm(ctx, ref)
	case "unpublish":
		err = s.Partners.Unpublish(ctx, ref, strings.TrimSpace(r.PostFormValue("reason")))
	case "remove":
		err = s.Partners.Remove(ctx, ref, strings.TrimSpace(r.PostFormValue("reason")))
	case "document":
		err = s.addPaper(r, ref)
	default:
		err = tenon.ErrNotFound
	}
	return err
}

func (s *Server) addPaper(r *http.Request, ref directory.Ref) error {
	doc := directory.Document{
		Kind: r.PostFormValue("kind"), Number: r.PostFormValue("number"), Issuer: r.PostFormValue("issuer"),
	}
	var err error
	if text := r.PostFormValue("expires_at"); text != "" {
		if doc.Expires, err = directory.ParseDate(text); err != nil {
			return err
		}
	}
	_, err = s.Partners.Book.AddDocument(r.Context(), ref, doc)
	return err
}

// directoryView is the staff's page of the directory.
type directoryView struct {
	At        time.Time
	Submitted []*directory.Dossier
	Stale     []directory.StalePaper
	Stats     directory.Stats
}

func (s *Server) directoryPage(w http.ResponseWriter, r *http.Request, v visitor) {
	page, err := s.directoryView(r.Context())
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, "directory", view{Title: "Directory", Visitor: v, Page: page})
}

func (s *Server) directoryView(ctx context.Context) (v directoryView, err error) {
	v.At, v.Stats = time.Now().UTC(), s.Partners.Book.Stats()
	v.Submitted, err = s.Partners.Book.List(ctx, directory.ListQuery{Status: directory.Submitted, Limit: listingsPerPage})
	if err != nil {
		return v, err
	}
	stale, err := s.Partners.Book.Stale(ctx, "", "", listingsPerPage)
	if err == nil {
		v.Stale = stale.Papers
	}
	return v, err
}

// refusedError is why something was not listed, for people.
type refusedError []string

func (e refusedError) Error() string { return strings.Join(e, "; ") }

// judgeListing does what the staff alone may.
func (s *Server) judgeListing(w http.ResponseWriter, r *http.Request, v visitor) {
	ctx, ref, book := r.Context(), listingRef(r), s.Partners.Book
	version, _ := strconv.Atoi(r.PostFormValue("version"))
	reason, err := strings.TrimSpace(r.PostFormValue("reason")), error(nil)
	switch r.PathValue("move") {
	case "publish":
		var p *directory.Publication
		if p, err = s.Partners.Publish(ctx, ref, version); err == nil && len(p.Refused) > 0 {
			err = refusedError(p.Refused)
		}
	case "reject":
		_, err = book.Reject(ctx, ref, reason)
	case "verify":
		_, err = book.Verify(ctx, ref)
	case "unverify":
		_, err = book.Unverify(ctx, ref, reason)
	case "verify-document":
		_, err = book.VerifyDocument(ctx, ref, r.PostFormValue("kind"), version)
	default:
		err = tenon.ErrNotFound
	}
	s.finishListing(w, r, v, err)
}
