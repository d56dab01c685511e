package directory_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
)

// read returns the words of a name, as they are searched.
func read(name string) []string {
	var all []string
	e := directory.Entry{Name: name, Language: "xx"}
	for _, t := range e.Terms() {
		all = append(all, t.Text)
	}
	return all
}

func TestWordsAreLettersAndDigitsFolded(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"O'Neill's Trucks":            "oneill trucks",
		"L’Oréal l'eau":               "loréal leau",
		"Carriers’ Union, carrier's!": "carriers union carrier",
		"ÅNGSTRÖM Straße Œuvre Łódź":  "angstrom strasse oeuvre lodz",
		"cafe\u0301 naïve":            "cafe naive",
		"Ｆｕｌｌ ｗｉｄｔｈ ﬁne":              "full width fine",
		"MC-4711 a&b c_d 50%":         "mc 4711 a b c d 50",
		"שָׁלוֹם مُحَمَّد محـمد":      "שלום محمد",
		"Ёлка ёлка":                   "елка",
		"हिन्दी 運送会社":                 "हिन्दी 運送会社",
		"''s 's '":                    "s",
	} {
		want = strings.ReplaceAll(want, "é", "e")
		require.Equal(t, strings.Fields(want), read(name), name)
	}
	require.Equal(t, 40, utf8.RuneCountInString(read(strings.Repeat("x", 150))[0]))
}

func TestEveryNearWordIsInTheNeighbourhood(t *testing.T) {
	t.Parallel()
	word := "transportation"
	for _, n := range []int{3, 5, 6, 8, 10} {
		w := word[:n]
		for _, typo := range misspellings(w) {
			for _, d := range []int{1, 2} {
				asked := directory.Word{Text: typo, Distance: d}
				if _, ok := asked.Errors(w); ok && (d == 1 || utf8.RuneCountInString(typo) >= 8) {
					require.True(t, meet(asked.Neighbours(), directory.Neighbours(w)), "%s and %s", typo, w)
				}
			}
		}
	}
}

func TestWordsLongerThanAnyThatIsKeptAreComparedAsWell(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("transport", 8)
	asked := directory.Word{Text: long, Distance: 2}
	for typo, near := range map[string]bool{
		long[1:]: true, long[2:]: true, long[3:]: false, "xyz" + long[3:]: false, strings.ToUpper(long): false,
	} {
		_, ok := asked.Errors(typo)
		require.Equal(t, near, ok, typo)
	}
}

// misspellings are all texts one error from a word, and some that are two.
func misspellings(w string) []string {
	one := func(w string) (all []string) {
		for i := range len(w) {
			all = append(all, w[:i]+w[i+1:], w[:i]+"z"+w[i:], w[:i]+"z"+w[i+1:])
			if i > 0 {
				all = append(all, w[:i-1]+w[i:i+1]+w[i-1:i]+w[i+1:])
			}
		}
		return append(all, w+"z")
	}
	all := one(w)
	for _, typo := range one(w) {
		all = append(all, one(typo)...)
	}
	return all
}

func meet(a, b []string) bool {
	in := map[string]bool{}
	for _, s := range a {
		in[s] = true
	}
	for _, s := range b {
		if in[s] {
			return true
		}
	}
	return false
}

func TestALongDescriptionIsShownFromWhereAWordIsFoundOrFromItsBeginning(t *testing.T) {
	t.Parallel()
	book := directory.NewBook(directory.NewMemoryStore(nil), nil)
	d, err := book.Create(t.Context(), "acme", directory.Profile{
		Name: "Harbour", Description: "Begins here. " + strings.Repeat("Filler. ", 60) + "Freight.", Public: true,
	})
	require.NoError(t, err)
	_, err = book.Submit(t.Context(), d.Ref, 1)
	require.NoError(t, err)
	_, err = book.Publish(t.Context(), d.Ref, 1)
	require.NoError(t, err)
	for text, want := range map[string]string{"": "Begins here. ", "harbour": "Begins here. ", "freight": "… "} {
		page, err := book.Search(t.Context(), directory.Search{Text: text})
		require.NoError(t, err)
		shown := page.Results[0].SnippetHTML
		require.True(t, strings.HasPrefix(shown, want), shown)
		require.Equal(t, text == "freight", strings.HasSuffix(shown, "<mark>Freight</mark>."), shown)
		require.Less(t, len(shown), 300)
	}
}

func TestAKeyDoesNotShowItself(t *testing.T) {
	t.Parallel()
	key := tenon.NewSecret("secret")
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "key", key, "options", directory.Options{Key: key})
	for _, text := range []string{
		log.String(), fmt.Sprint(key), fmt.Sprintf("%s %q %x %v %+v %#v", key, key, key, key, directory.Options{Key: key}, directory.Options{Key: key}),
	} {
		require.NotContains(t, text, "secret")
		require.NotContains(t, text, "736563")
		require.NotContains(t, text, "115 101")
	}
}

// FuzzSearch holds that any text is refused or answered, and that what is marked is the escaped name.
func FuzzSearch(f *testing.F) {
	for _, s := range []string{"", "freight", "a'b", "\xff", "\u202e", "o’s", "İstanbul ſ ß", "x\u0300\u0301", strings.Repeat("ab ", 60)} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		book := directory.NewBook(directory.NewMemoryStore(nil), nil)
		d, err := book.Create(t.Context(), "acme", directory.Profile{Name: name, Description: name, Public: true})
		if err != nil {
			return
		}
		_, err = book.Submit(t.Context(), d.Ref, 1)
		require.NoError(t, err)
		_, err = book.Publish(t.Context(), d.Ref, 1)
		require.NoError(t, err)
		page, err := book.Search(t.Context(), directory.Search{Text: text})
		if err != nil {
			return
		}
		for _, r := range page.Results {
			plain := strings.NewReplacer("<mark>", "", "</mark>", "").Replace(r.NameHTML)
			require.NotContains(t, plain, "<")
			require.True(t, utf8.ValidString(r.NameHTML+r.SnippetHTML))
		}
	})
}

// FuzzImportCSV holds that any file is refused or kept, line by line.
func FuzzImportCSV(f *testing.F) {
	f.Add("company_name,services\nOne,ltl;ftl\n\"Two\nlines\",x\n")
	f.Add("company_name\n\"\n")
	f.Add("\uFEFFCompany_Name,id\n'=1,1\n")
	f.Fuzz(func(t *testing.T, file string) {
		book := directory.NewBook(directory.NewMemoryStore(nil), nil)
		report, err := book.ImportCSV(t.Context(), "acme", strings.NewReader(file))
		if err != nil {
			return
		}
		kept, err := book.List(t.Context(), directory.ListQuery{Limit: 500})
		require.NoError(t, err)
		require.Len(t, kept, min(report.Created, 500))
	})
}
