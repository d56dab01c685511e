package directory

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/transbotai/tenon"
)

// Search is a question of the public. Whatever it asks, only partners that are published, public and visible at that
// instant answer it.
type Search struct {
	// Text is words in any order, all of which must be found in the name or the description: as they are, by their
	// stem, as the beginning of a word (from 2 letters), or misspelt (one error from 4 letters, two from 8).
	// At most 200 characters.
	Text string
	// Services and Regions must all be the partner's; at most 20 of each.
	Services, Regions []string
	// Facets are to be counted, over everything that is found.
	Facets []Facet
	Sort   Sort
	// After is the [Page.Next] of the same search.
	After string
	// Limit bounds the page; 0 means 20, more than 100 is refused.
	Limit int
}

// Sort is an order of results.
type Sort string

// The orders. Ties are broken by id.
const (
	// ByRelevance is the zero Sort. With Text: exact before prefix before misspelt, in the name before in the
	// description, nearer before farther; then, and without Text: verified before not, fresh before stale.
	ByRelevance Sort = ""
	ByName      Sort = "name"
	ByFresh     Sort = "fresh" // newest first, verified or not
)

// Facet is what results can be counted by.
type Facet string

// The facets.
const (
	FacetServices Facet = "services"
	FacetRegions  Facet = "regions"
	FacetVerified Facet = "verified" // its values are "true" and "false"
)

// FacetCount is how many results have a value.
type FacetCount struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// Result is what the public sees of a partner in a list. It never has contact or website.
type Result struct {
	ID          string    `json:"id"`
	Name        string    `json:"company_name"`
	Description string    `json:"description"`
	Services    []string  `json:"services"`
	Regions     []string  `json:"regions"`
	Verified    bool      `json:"verified"`
	FreshAt     time.Time `json:"fresh_at"`
	// NameHTML and SnippetHTML are the name and the part of the description that was found, escaped for HTML, with
	// <mark> around what the words of the text found.
	NameHTML    string `json:"name_html"`
	SnippetHTML string `json:"snippet_html"`
}

// Page is an answer to a [Search]. Its lists are empty, never nil.
type Page struct {
	Results []Result               `json:"results"`
	Facets  map[Facet][]FacetCount `json:"facets"`         // most frequent first, then by value; at most 100 values each
	Next    string                 `json:"next,omitempty"` // where the next page begins; empty at the end
}

// PublicPartner is a partner's public page.
type PublicPartner struct {
	Result
	Contact string `json:"contact_email,omitempty"` // only where the partner shows it, as Website
	Website string `json:"website,omitempty"`
}

const (
	maxText    = 200
	maxWords   = 12
	maxFilters = 20
	maxPage    = 100
	maxFacet   = 100
)

// Search answers a question of the public. Input that cannot be right is a [tenon.ErrInvalid] that names the field; a
// cursor that is forged, or of another search, is an [ErrCursor].
func (b *Book) Search(ctx context.Context, s Search) (*Page, error) {
	q, err := s.query()
	if err != nil {
		return nil, prefix(err)
	}
	asked := q.fingerprint()
	if q.After, err = b.cursors.open(s.After, asked); err != nil {
		return nil, err
	}
	if q.Now, err = b.now(ctx); err != nil {
		return nil, err
	}
	limit := q.Limit
	q.Limit++ // one more tells whether there is a next page
	b.stats.searches.Add(1)
	found, err := b.find(ctx, q)
	if err != nil {
		return nil, err
	}
	page := &Page{Results: []Result{}, Facets: map[Facet][]FacetCount{}}
	for _, f := range q.Facets {
		page.Facets[f] = append([]FacetCount{}, found.Facets[f]...)
	}
	for i, e := range found.Entries {
		if i == limit {
			page.Next = b.cursors.seal(q.position(found.Entries[i-1]), asked)
			break
		}
		page.Results = append(page.Results, q.result(e))
	}
	return page, nil
}

func (b *Book) find(ctx context.Context, q *Query) (*Found, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	return b.store.Search(ctx, q)
}

// Public returns a partner's public page. A partner that the public may not see is an [ErrUnknownPartner], as one that
// is not there.
func (b *Book) Public(ctx context.Context, id string) (*PublicPartner, error) {
	if !isUUID(id) {
		return nil, ErrUnknownPartner
	}
	now, err := b.now(ctx)
	if err != nil {
		return nil, err
	}
	q := &Query{ID: id, Now: now, Limit: 1}
	found, err := b.find(ctx, q)
	if err != nil {
		return nil, err
	}
	if len(found.Entries) == 0 {
		return nil, ErrUnknownPartner
	}
	e := found.Entries[0]
	return &PublicPartner{Result: q.result(e), Contact: e.Contact, Website: e.Website}, nil
}

// query checks s and reads its text.
func (s Search) query() (*Query, error) {
	q := &Query{Sort: s.Sort, Limit: s.Limit}
	if err := checkText("text", s.Text, maxText, false); err != nil {
		return nil, err
	}
	q.HasText = s.Text != ""
	if q.Words = wordsOf(s.Text); len(q.Words) > maxWords {
		return nil, tenon.Invalid("text", "has %d words, at most %d", len(q.Words), maxWords)
	}
	var err error
	if q.Services, err = keys("services", s.Services, maxFilters); err != nil {
		return nil, err
	}
	if q.Regions, err = keys("regions", s.Regions, maxFilters); err != nil {
		return nil, err
	}
	for _, f := range s.Facets {
		if f != FacetServices && f != FacetRegions && f != FacetVerified {
			return nil, tenon.Invalid("facets", "%.20q is not services, regions or verified", f)
		}
		if !slices.Contains(q.Facets, f) { // counting is dear, and one that is counted twice would be doubled
			q.Facets = append(q.Facets, f)
		}
	}
	switch {
	case s.Sort != ByRelevance && s.Sort != ByName && s.Sort != ByFresh:
		return nil, tenon.Invalid("sort", "%.20q is not empty, name or fresh", s.Sort)
	case s.Limit < 0 || s.Limit > maxPage:
		return nil, tenon.Invalid("limit", "is not within 1 and %d", maxPage)
	case len(s.After) > maxCursor || !utf8.ValidString(s.After):
		return nil, ErrCursor
	case s.Limit == 0:
		q.Limit = 20
	}
	return q, nil
}

// isUUID says whether id is a UUID in its text form, lower case, as tenon makes them.
func isUUID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
