package web

import (
	"cmp"
	"io"
	"net/http"
	"net/url"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/quoting"
)

// requestQuote makes a quote for the company's people. Sending the same form again gives the same quote.
func (s *Server) requestQuote(w http.ResponseWriter, r *http.Request, v visitor) {
	company := r.PathValue("company")
	lane, err := laneOf(r)
	keep := func(page *ratesView) { page.Asked = lane }
	if refused := s.flagRefuses(company, quoting.Rates); refused != nil {
		s.showRates(w, r, v, refused.Status(), "", keep)
		return
	}
	var a quoting.Answer
	if err == nil {
		a, err = s.desk.Quote(r.Context(), quoting.Request{Company: company, Lane: lane, Key: formKey(r)})
	}
	switch {
	case err != nil:
		s.failRates(w, r, v, err, keep)
	case !a.Decision.Allowed:
		s.refuseRates(w, r, v, a.Decision, 1, keep)
	default:
		http.Redirect(w, r, ratesPath(company)+"?quote="+a.Quote.ID, http.StatusSeeOther)
	}
}

// formKey is the key of a form, apart from those of programs; empty when the form has none.
func formKey(r *http.Request) string {
	if key := r.PostFormValue("key"); key != "" {
		return "form/" + key
	}
	return ""
}

func laneOf(r *http.Request) (freight.Lane, error) {
	lane := freight.Lane{Origin: r.PostFormValue("origin"), Destination: r.PostFormValue("destination"), ReadyOn: r.PostFormValue("ready_on")}
	weight, err := number(r, "weight_kg", true)
	if err != nil {
		return lane, err
	}
	pallets, err := number(r, "pallets", false)
	lane.WeightKG, lane.Pallets = int(weight), int(pallets)
	if err == nil && r.PostFormValue("key") == "" {
		err = tenon.Invalid("key", "is empty")
	}
	return lane, err
}

// requestJob rates a list of lanes, pasted or as a file.
func (s *Server) requestJob(w http.ResponseWriter, r *http.Request, v visitor) {
	company := r.PathValue("company")
	for _, feature := range []string{quoting.Rates, quoting.Bulk} {
		if refused := s.flagRefuses(company, feature); refused != nil {
			s.showRates(w, r, v, refused.Status(), "", func(*ratesView) {})
			return
		}
	}
	sheet, err := sheetOf(r)
	if err != nil {
		s.failRates(w, r, v, err, func(*ratesView) {})
		return
	}
	lanes, faults := freight.ParseLanes(sheet)
	keep := func(page *ratesView) { page.Sheet, page.Faults = sheet, faults }
	if len(faults) > 0 {
		s.showRates(w, r, v, http.StatusBadRequest, "Some lines want to be put right first. Nothing was counted.", keep)
		return
	}
	a, err := s.desk.Job(r.Context(), quoting.JobRequest{Company: company, Lanes: lanes, Key: formKey(r)})
	switch {
	case err != nil:
		s.failRates(w, r, v, err, keep)
	case !a.Decision.Allowed:
		s.refuseRates(w, r, v, a.Decision, int64(len(lanes)), keep)
	case a.Job.ID == "":
		faults = unrated(a.Job.Refused)
		s.showRates(w, r, v, http.StatusBadRequest, "None of the lanes could be rated. Nothing was counted.", keep)
	default:
		http.Redirect(w, r, ratesPath(company)+"/jobs/"+url.PathEscape(a.Job.ID), http.StatusSeeOther)
	}
}

// sheetOf returns the list that a form brings: its file, or else its text.
func sheetOf(r *http.Request) (string, error) {
	file, _, err := r.FormFile("file")
	if err != nil { // there is none
		return r.PostFormValue("lanes"), nil
	}
	defer file.Close()
	sheet, err := io.ReadAll(file)
	if len(sheet) == 0 {
		return r.PostFormValue("lanes"), err
	}
	return string(sheet), err
}

// unrated are lanes that could not be rated, as faults of a list.
func unrated(refused []freight.Refused) []freight.Fault {
	list := make([]freight.Fault, len(refused))
	for i, one := range refused {
		list[i] = freight.Fault{Line: one.Place + 1, Says: laneField(one.Field) + " " + one.Reason}
	}
	return list
}

// stepQuote sends, accepts or books a quote.
func (s *Server) stepQuote(w http.ResponseWriter, r *http.Request, v visitor) {
	step := quoting.Step{Company: r.PathValue("company"), Quote: r.PathValue("quote"), To: steps[r.PostFormValue("step")]}
	if !quoteID.MatchString(step.Quote) {
		s.failPage(w, r, tenon.ErrNotFound)
		return
	}
	if refused := s.flagRefuses(step.Company, quoting.Rates); refused != nil {
		s.showRates(w, r, v, refused.Status(), "", func(*ratesView) {})
		return
	}
	if _, err := s.desk.Move(r.Context(), step); err != nil {
		s.failRates(w, r, v, err, func(*ratesView) {})
		return
	}
	http.Redirect(w, r, ratesPath(step.Company)+"?done="+step.To, http.StatusSeeOther)
}

// failRates answers a form by the screen, with what was wrong.
func (s *Server) failRates(w http.ResponseWriter, r *http.Request, v visitor, err error, keep func(*ratesView)) {
	s.note(r, err)
	status, text := describe(err)
	s.showRates(w, r, v, status, text, keep)
}

// refuseRates answers a form by the screen, with why the plan does not allow so many units.
func (s *Server) refuseRates(w http.ResponseWriter, r *http.Request, v visitor, d entitlements.Decision, units int64, keep func(*ratesView)) {
	versions, err := s.Gate.WithStore(s.Store).Catalog(r.Context())
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	if d.Feature == quoting.Bulk {
		units = 1
	}
	refused := s.planRefuses(r.PathValue("company"), d, versions, units)
	s.showRates(w, r, v, refused.Status(), "", func(page *ratesView) {
		keep(page)
		refused.seenBy(v, page.Company.Name)
		if d.Feature == quoting.Bulk || units > 1 {
			page.Bulk = refused
		} else {
			page.Refused = refused
		}
	})
}

var laneFields = map[string]string{
	"origin": "The origin", "destination": "The destination", "weight_kg": "The weight", "pallets": "The number of pallets",
	"ready_on": "The day", "lanes": "The list",
	"lane_count": "The number of lanes", "email": "The e-mail address", "company": "The company's name", "person": "Your name",
	"on": "The day", "at": "The day", "canaries": "Canaries",
	"company_name": "The name", "contact_email": "The e-mail address", "website": "The website", "description": "The description",
}

// laneField is what people call a field, of a lane or of another form.
func laneField(field string) string { return cmp.Or(laneFields[field], field) }
