package directorypg_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
)

// words that are near each other, so that searches find much on many levels.
var words = strings.Fields(`cargo cargos carga carrier carriers carry carried freight freights fright frieght freighter
	logistics logistic logistician transport transports transporter transporting trasnport express expresses expert
	Müller müllers muller Ångström angstrom l'avion o'neill naïve ocean océan и грузы груз перевозка 運送 mc-4711 4711 the and`)

// common are words that "hauler" finds on every level. Each partner has one, so that more are found than are put in
// order at once.
var common = strings.Fields("hauler haulers hauled haulerson haulerscompany haluer hauer")

func phrase(rng *rand.Rand, most int) string {
	var all []string
	for range rng.IntN(most + 1) {
		all = append(all, words[rng.IntN(len(words))])
	}
	return strings.Join(all, " ")
}

// question is a random search.
func question(rng *rand.Rand) directory.Search {
	s := directory.Search{Limit: 1 + rng.IntN(8), Sort: []directory.Sort{"", "", "", directory.ByName, directory.ByFresh}[rng.IntN(5)]}
	if rng.IntN(4) > 0 {
		text := []rune(phrase(rng, 2))
		if rng.IntN(4) == 0 {
			text = []rune(common[rng.IntN(2)])
		}
		for range rng.IntN(3) {
			if len(text) > 3 {
				i := 1 + rng.IntN(len(text)-2)
				text[i], text[i+1] = text[i+1], text[i]
				text = append(text[:i], text[i+rng.IntN(2):]...)
			}
		}
		s.Text = string(text)
	}
	if rng.IntN(3) == 0 {
		s.Services = []string{fmt.Sprint("s", rng.IntN(4))}
	}
	if rng.IntN(3) == 0 {
		s.Regions = []string{fmt.Sprint("r", rng.IntN(4))}
	}
	if rng.IntN(3) == 0 {
		s.Facets = []directory.Facet{directory.FacetServices, directory.FacetRegions, directory.FacetVerified}
	}
	return s
}

// frozen is a store in memory at a time of the test's.
type frozen struct {
	*directory.MemoryStore
	now time.Time
}

func (s frozen) Clock(context.Context) (time.Time, error) { return s.now, nil }

// TestMemoryAndPostgresAgree asks both stores the same and compares every page, to the last byte.
func TestMemoryAndPostgresAgree(t *testing.T) {
	t.Parallel()
	memory, pool := directory.NewMemoryStore(nil), database(t)
	rng := rand.New(rand.NewPCG(3, 5))
	policy := directory.Policy{Required: map[string][]string{"s0": {"licence"}}, HideExpired: true}
	opts := &directory.Options{Policy: policy, Timeout: time.Minute, Key: tenon.NewSecret("a key of the tests'")}
	for i := range 190 {
		p := directory.Profile{
			Name: strings.TrimSpace(phrase(rng, 2) + fmt.Sprint(" no", i)), Description: phrase(rng, 6), Public: rng.IntN(6) > 0,
			Services: []string{fmt.Sprint("s", rng.IntN(3)), "s3"}, Regions: []string{fmt.Sprint("r", rng.IntN(3))},
			Language: []string{"en", "de", "en-gb"}[rng.IntN(3)],
		}
		if rng.IntN(10) == 0 {
			p.Regions = nil
		}
		if word := " " + common[rng.IntN(len(common))]; rng.IntN(3) == 0 {
			p.Name += word
		} else {
			p.Description += word
		}
		d := publish(t, bookAt(directorypg.New(pool, nil), noon.Add(time.Duration(i/3)*time.Hour), nil), "acme", p)
		if rng.IntN(3) == 0 {
			_, err := bookAt(directorypg.New(pool, nil), noon, nil).AddDocument(t.Context(), d.Ref, directory.Document{
				Kind: "licence", Expires: directory.Date{Year: 2026, Month: 3, Day: 8 + rng.IntN(5)},
			})
			require.NoError(t, err)
		}
		stored, err := bookAt(directorypg.New(pool, nil), noon, opts).Verify(t.Context(), d.Ref)
		if rng.IntN(4) > 0 {
			stored, err = bookAt(directorypg.New(pool, nil), noon, opts).Unverify(t.Context(), d.Ref, "")
		}
		require.NoError(t, err)
		_, err = memory.Change(t.Context(), d.Ref, func(d *directory.Dossier) (directory.Effects, error) {
			*d = *stored.Clone()
			return directory.Effects{}, nil
		})
		require.NoError(t, err)
	}
	pgtest.Exec(t, pool, "analyze tenon.directory_entries, tenon.directory_words, tenon.directory_listings")
	rounds := 200
	if conform.Soak() {
		rounds = 20_000
	}
	ask := func(s directory.Search, now time.Time, pages int) (hits int) {
		for range pages {
			want, err := directory.NewBook(frozen{memory, now}, opts).Search(t.Context(), s)
			require.NoError(t, err)
			got, err := bookAt(directorypg.New(pool, nil), now, &directory.Options{Policy: policy}).Search(t.Context(), s)
			require.NoError(t, err)
			require.Equal(t, want, got, "%+v at %s", s, now)
			hits += len(want.Results)
			if s.After = want.Next; s.After == "" {
				break
			}
		}
		return hits
	}
	hits := 0
	for range rounds {
		hits += ask(question(rng), noon.Add(time.Duration(rng.IntN(96))*time.Hour), 6)
	}
	require.Greater(t, hits, rounds)
	require.Greater(t, ask(directory.Search{Text: common[0], Limit: 7}, noon, 100), 100, "level by level, to the last")
}
