package web

import "net/http"

// homePage says what this is to whoever is not signed in, and leads others to where they begin.
func (s *Server) homePage(w http.ResponseWriter, r *http.Request, v visitor) {
	switch {
	case v.Staff():
		http.Redirect(w, r, "/dashboard", http.StatusSeeOther)
	case v.In():
		http.Redirect(w, r, companyPath(v.Company), http.StatusSeeOther)
	default:
		s.render(w, r, http.StatusOK, "home", view{Title: "Freight prices in a moment"})
	}
}
