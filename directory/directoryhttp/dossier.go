package directoryhttp

import (
	"net/http"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/httpjson"
)

// dossier is everything about a partner, for its tenant and for the staff.
type dossier struct {
	directory.Partner
	Documents []directory.Document `json:"documents"`     // by kind, newest version first
	Log       []directory.Step     `json:"log,omitempty"` // oldest first
}

func dossierOf(d *directory.Dossier) dossier {
	return dossier{Partner: d.Partner, Documents: append([]directory.Document{}, d.Documents...), Log: d.Log}
}

// whole sends a dossier.
func whole(w http.ResponseWriter, r *http.Request, status int) func(*directory.Dossier, error) error {
	return func(d *directory.Dossier, err error) error {
		if err == nil {
			httpjson.Answer(w, r, status, dossierOf(d))
		}
		return err
	}
}

// listing is a page of partners.
type listing struct {
	Partners []dossier `json:"partners"`
	Next     string    `json:"next,omitempty"` // what the next page comes after; empty at the end
}

// maxPage bounds a page of partners.
const maxPage = 500

// list sends partners of a tenant, or of all when it is empty.
func list(w http.ResponseWriter, r *http.Request, book *directory.Book, tenant string) error {
	limit, err := httpjson.Number(r, "limit", 50, 1, maxPage)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	found, err := book.List(r.Context(), directory.ListQuery{
		Tenant: tenant, Status: directory.Status(query.Get("status")), After: query.Get("after"), Limit: int(limit),
	})
	if err != nil {
		return err
	}
	page := listing{Partners: []dossier{}}
	for _, d := range found {
		page.Partners = append(page.Partners, dossierOf(d))
	}
	if len(found) == int(limit) {
		page.Next = found[len(found)-1].ID
	}
	httpjson.Answer(w, r, http.StatusOK, page)
	return nil
}
