package directory_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
)

func newBook(opts *directory.Options) *directory.Book {
	return directory.NewBook(directory.NewMemoryStore(nil), opts)
}

func TestDocumentsExpireInYearsThatEveryInstantOfTheirsCanBeWrittenIn(t *testing.T) {
	t.Parallel()
	book := newBook(&directory.Options{Policy: directory.Policy{Soon: 3660, Thresholds: []int{3660}}})
	d, err := book.Create(t.Context(), "acme", directory.Profile{Name: "One"})
	require.NoError(t, err)
	for _, year := range []int{1, 20, 1899, 9999} {
		_, err := book.AddDocument(t.Context(), d.Ref, directory.Document{Kind: "licence", Expires: directory.Date{Year: year, Month: 12, Day: 31}})
		require.ErrorIs(t, err, tenon.ErrInvalid, year)
		require.ErrorContains(t, err, "expires_at", year)
	}
	for _, year := range []int{1900, 9998} {
		doc, err := book.AddDocument(t.Context(), d.Ref, directory.Document{
			Kind: "licence", Expires: directory.Date{Year: year, Month: 12, Day: 31}, Zone: "Etc/GMT+12",
		})
		require.NoError(t, err)
		_, err = json.Marshal(doc)
		require.NoError(t, err)
	}
}

func TestAFacetThatIsAskedForTwiceIsCountedOnce(t *testing.T) {
	t.Parallel()
	book := newBook(nil)
	d, err := book.Create(t.Context(), "acme", directory.Profile{Name: "One", Services: []string{"ltl"}, Public: true})
	require.NoError(t, err)
	_, err = book.Submit(t.Context(), d.Ref, 1)
	require.NoError(t, err)
	_, err = book.Publish(t.Context(), d.Ref, 1)
	require.NoError(t, err)
	page, err := book.Search(t.Context(), directory.Search{Facets: []directory.Facet{directory.FacetServices, directory.FacetServices}})
	require.NoError(t, err)
	require.Equal(t, []directory.FacetCount{{Value: "ltl", Count: 1}}, page.Facets[directory.FacetServices])
}

func TestKindsThatAPolicyRequiresAreComparedInLowerCase(t *testing.T) {
	t.Parallel()
	required := map[string][]string{"ltl": {" Insurance/Cargo "}}
	book := newBook(&directory.Options{Policy: directory.Policy{Required: required, HideExpired: true}})
	required["ltl"] = []string{"changed afterwards"}
	d, err := book.Create(t.Context(), "acme", directory.Profile{Name: "One", Services: []string{"ltl"}, Public: true})
	require.NoError(t, err)
	_, err = book.AddDocument(t.Context(), d.Ref, directory.Document{Kind: "insurance/cargo"})
	require.NoError(t, err)
	_, err = book.Submit(t.Context(), d.Ref, 1)
	require.NoError(t, err)
	res, err := book.Publish(t.Context(), d.Ref, 1)
	require.NoError(t, err)
	require.Empty(t, res.Refused)
}

func TestReasonsThatCannotBeShownAreRefused(t *testing.T) {
	t.Parallel()
	book := newBook(nil)
	d, err := book.Create(t.Context(), "acme", directory.Profile{Name: "One"})
	require.NoError(t, err)
	for _, reason := range []string{"\x00", "\xff", "\u202e", strings.Repeat("x", 4001)} {
		_, unpublish := book.Unpublish(t.Context(), d.Ref, reason)
		_, unverify := book.Unverify(t.Context(), d.Ref, reason)
		for _, err := range []error{unpublish, unverify, book.Remove(t.Context(), d.Ref, reason)} {
			require.ErrorIs(t, err, tenon.ErrInvalid)
			require.ErrorContains(t, err, "reason")
		}
	}
}

func TestLinesThatAreNoCSVCountAsWell(t *testing.T) {
	t.Parallel()
	file := "company_name\n" + strings.Repeat("a\"b\n", 20_100)
	report, err := newBook(nil).ImportCSV(t.Context(), "acme", strings.NewReader(file))
	require.ErrorIs(t, err, tenon.ErrInvalid)
	require.Len(t, report.Refused, 19_999)
}

// endless is a cell that never ends.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	if e.read > 64<<20 {
		return 0, io.ErrUnexpectedEOF
	}
	for i := range b {
		b[i] = 'x'
	}
	e.read += len(b)
	return len(b), nil
}

func TestALineThatNeverEndsIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	for _, begin := range []string{"company_name\n\"", "company_name\n", ""} {
		rest := &endless{}
		_, err := newBook(nil).ImportCSV(t.Context(), "acme", io.MultiReader(strings.NewReader(begin), rest))
		require.ErrorIs(t, err, tenon.ErrInvalid)
		require.Less(t, rest.read, 1<<20)
	}
}

// tiring is a store that is away after so many changes.
type tiring struct {
	directory.Store
	left int
}

func (s *tiring) Change(ctx context.Context, ref directory.Ref, edit directory.Edit) (*directory.Dossier, error) {
	if s.left--; s.left < 0 {
		return nil, tenon.ErrUnavailable
	}
	return s.Store.Change(ctx, ref, edit)
}

func TestAnImportThatBreaksOffSaysWhatWasDoneUntilThen(t *testing.T) {
	t.Parallel()
	store := directory.NewMemoryStore(nil)
	book := directory.NewBook(&tiring{store, 1}, nil)
	report, err := book.ImportCSV(t.Context(), "acme", strings.NewReader("company_name\nOne\nTwo\nThree\n"))
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	require.Equal(t, directory.ImportReport{Created: 1}, *report)
	cut := errors.New("cut")
	_, err = newBook(nil).ImportCSV(t.Context(), "acme", iotest.ErrReader(cut))
	require.ErrorIs(t, err, cut, "which is no fault of the file")
	file := io.MultiReader(strings.NewReader("company_name\nOne\n"), iotest.ErrReader(cut))
	report, err = newBook(nil).ImportCSV(t.Context(), "acme", file)
	require.ErrorIs(t, err, cut)
	require.Equal(t, directory.ImportReport{Created: 1}, *report)
}

func TestAPartnerHasAThousandVersionsOfDocumentsAtMost(t *testing.T) {
	t.Parallel()
	store := directory.NewMemoryStore(nil)
	book := directory.NewBook(store, nil)
	d, err := book.Create(t.Context(), "acme", directory.Profile{Name: "One"})
	require.NoError(t, err)
	_, err = store.Change(t.Context(), d.Ref, func(d *directory.Dossier) (directory.Effects, error) {
		for version := range 999 {
			d.Documents = append(d.Documents, directory.Document{Kind: "licence", Version: version + 1})
		}
		return directory.Effects{}, nil
	})
	require.NoError(t, err)
	added, err := book.AddDocument(t.Context(), d.Ref, directory.Document{Kind: "licence"})
	require.NoError(t, err)
	require.Equal(t, 1000, added.Version)
	_, err = book.AddDocument(t.Context(), d.Ref, directory.Document{Kind: "insurance"})
	require.ErrorIs(t, err, tenon.ErrInvalid)
	require.ErrorContains(t, err, "documents")
	d, err = book.Partner(t.Context(), d.Ref)
	require.NoError(t, err)
	require.Len(t, d.Documents, 1000)
}

func TestAPageOfStalePapersIsOfAsManyPartnersAsAPageOfPartners(t *testing.T) {
	t.Parallel()
	book := newBook(&directory.Options{Policy: directory.Policy{Required: map[string][]string{"": {"licence"}}}})
	for range 60 {
		_, err := book.Create(t.Context(), "acme", directory.Profile{Name: "One"})
		require.NoError(t, err)
	}
	for limit, want := range map[int]int{-1: 50, 0: 50, 55: 55, 9999: 60} {
		partners, err := book.List(t.Context(), directory.ListQuery{Limit: limit})
		require.NoError(t, err)
		require.Len(t, partners, want)
		stale, err := book.Stale(t.Context(), "acme", "", limit)
		require.NoError(t, err)
		require.Len(t, stale.Papers, want)
		require.Equal(t, want < 60, stale.Next != "")
	}
}

func TestADocumentInAZoneThatTheMachineHasLostExpiresInUTC(t *testing.T) {
	t.Parallel()
	store := directory.NewMemoryStore(nil)
	book := directory.NewBook(store, nil)
	d, err := book.Create(t.Context(), "acme", directory.Profile{Name: "One"})
	require.NoError(t, err)
	_, err = store.Change(t.Context(), d.Ref, func(d *directory.Dossier) (directory.Effects, error) {
		d.Draft.Zone = "Mars/Phobos" // which an older release of the database had
		return directory.Effects{}, nil
	})
	require.NoError(t, err)
	doc, err := book.AddDocument(t.Context(), d.Ref, directory.Document{Kind: "licence", Expires: date(t, "2028-02-29")})
	require.NoError(t, err)
	require.Equal(t, "2028-03-01T00:00:00Z", doc.ExpiresFrom.Format(time.RFC3339Nano))
}

func TestLettersAndTheirMarksAreFoundHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	for composed, apart := range map[string]string{
		"Й": "И\u0306", "й": "и\u0306", "ї": "і\u0308", "ў": "у\u0306", "ѓ": "г\u0301", "ќ": "к\u0301", "ё": "е\u0308",
		"آ": "ا\u0653", "أ": "ا\u0654", "إ": "ا\u0655", "ؤ": "و\u0654", "ئ": "ي\u0654",
		"İ": "I\u0307", "ö": "o\u0308", "ệ": "e\u0323\u0302", "Å": "A\u030A", "ΐ": "ι\u0308\u0301",
	} {
		a, b := directory.Entry{Name: "x" + composed}, directory.Entry{Name: "x" + apart}
		require.Equal(t, a.SortName(), b.SortName(), "%s", composed)
	}
	same := directory.Entry{Name: "STRASSE Istanbul ΟΔΟΣ"}
	other := directory.Entry{Name: "straße ıstanbul οδος"}
	require.Equal(t, same.SortName(), other.SortName())
}
