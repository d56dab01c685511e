package web

import (
	"regexp"
	"strings"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// What texts for programs and logs hold, and people do not read: instants, dates and durations as Go writes them.
var (
	instants  = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)`)
	dates     = regexp.MustCompile(`\b\d{4}-\d\d-\d\d\b`)
	durations = regexp.MustCompile(`\b(?:\d+(?:\.\d+)?(?:h|m|s|ms))+\b`)
)

// objectives are the names of what is promised, as people read them.
var objectives = func() *strings.Replacer {
	var pairs []string
	for _, name := range order {
		pairs = append(pairs, name, objectiveName(name))
	}
	return strings.NewReplacer(pairs...)
}()

// humane writes a text that was made for programs as people read it.
func humane(text string) string {
	text = instants.ReplaceAllStringFunc(text, func(s string) string {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return s
		}
		return clock(t)
	})
	text = objectives.Replace(text)
	text = dates.ReplaceAllStringFunc(text, plainDate)
	return durations.ReplaceAllStringFunc(text, func(s string) string {
		d, err := time.ParseDuration(s)
		if err != nil {
			return s
		}
		return brief(d)
	})
}

// plainDate writes a date, 2026-11-23, as people read it; what is none stays.
func plainDate(s string) string {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return s
	}
	return shortDay(t)
}

func clock(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }

func shortDay(t time.Time) string { return t.UTC().Format("2 Jan 2006") }

// money writes a price with its thousands apart.
func money(minor int64, currency string) string {
	if minor < 0 {
		return "−" + money(-minor, currency)
	}
	amount := entitlements.Price(minor, currency)
	whole, rest, found := strings.Cut(amount, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if found {
		whole += "." + rest
	}
	if currency == "USD" {
		return "$" + whole
	}
	return whole + " " + currency
}

// term is a service or a region, dry-van, as people write it; those of three letters are initials.
func term(s string) string {
	if len(s) <= 3 {
		return strings.ToUpper(s)
	}
	words := strings.ReplaceAll(s, "-", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}
