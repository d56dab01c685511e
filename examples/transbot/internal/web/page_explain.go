package web

import (
	"errors"
	"net/http"

	"github.com/transbotai/tenon/entitlements"
)

// explainView shows where the answer on a feature comes from. It is for the staff: reasons are written for colleagues.
type explainView struct {
	Company   string
	Feature   entitlements.Feature
	Text      string
	Overrides []entitlements.Override
}

func (s *Server) explainPage(w http.ResponseWriter, r *http.Request, v visitor) {
	company, feature := r.PathValue("company"), r.PathValue("feature")
	x, err := s.Gate.WithStore(s.Store).Explain(r.Context(), company, feature)
	if errors.Is(err, entitlements.ErrUnknownTenant) {
		s.errorPage(w, r, http.StatusNotFound, "The company has no plan, so there is nothing to explain.")
		return
	}
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	page := explainView{Company: company, Feature: x.Feature, Text: x.String(), Overrides: x.Overrides}
	s.render(w, r, http.StatusOK, "explain", view{Title: x.Feature.Description + ", explained", Visitor: v, Page: page})
}
