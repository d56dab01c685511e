package support

import (
	"strings"
	"unicode/utf8"

	"github.com/transbotai/tenon"
)

func checkText(field, text string) error { return checkLength(field, text, maxText) }

func checkName(field, text string) error { return checkLength(field, text, maxName) }

// checkLength refuses what Postgres cannot keep, and what is too long.
func checkLength(field, text string, most int) error {
	switch {
	case len(text) > most:
		return tenon.Invalid(field, "has %d bytes, more than %d", len(text), most)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return tenon.Invalid(field, "is not text")
	}
	return nil
}

// possible says whether a ticket or a finding may have this name. Text that no store can keep names nothing in any.
func (r Ref) possible() bool { return isUUID(r.ID) && checkName("tenant", r.Tenant) == nil }

// isUUID says whether id is a UUID as [tenon.NewID] writes it.
func isUUID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i := range len(id) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := id[i] >= '0' && id[i] <= '9' || id[i] >= 'a' && id[i] <= 'f'
		if dash && id[i] != '-' || !dash && !hex {
			return false
		}
	}
	return true
}
