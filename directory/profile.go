package directory

import (
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/transbotai/tenon"
)

// Profile is what a partner says of itself.
type Profile struct {
	Name        string   `json:"company_name"` // 1 to 200 characters
	Description string   `json:"description"`  // at most 4,000 characters
	Services    []string `json:"services"`     // at most 50 keys: lower case letters, digits, "-", "_", ".", "/"
	Regions     []string `json:"regions"`      // at most 100 keys
	Contact     string   `json:"contact_email,omitempty"`
	Website     string   `json:"website,omitempty"` // http or https
	// ShowContact lets the public page of the partner show Contact and Website. A search never does.
	ShowContact bool `json:"show_contact"`
	// Public lets the partner be found once it is published. It is false by default.
	Public bool `json:"is_public"`
	// Language is that of Name and Description; empty is "en". Words of other languages are not stemmed.
	Language string `json:"language,omitempty"`
	// Zone is the IANA name of the time zone in which documents without one of their own expire; empty is UTC.
	Zone string `json:"zone,omitempty"`
}

// What a profile may hold.
const (
	maxName        = 200
	maxDescription = 4000
	maxServices    = 50
	maxRegions     = 100
	maxKey         = 64
	maxAddress     = 320
	maxWebsite     = 500
)

// Normalize returns p as it is kept: space at the ends is gone, services and regions are in lower case, in order and
// there once. It returns an error that names the field at fault when p cannot be kept.
func (p Profile) Normalize() (Profile, error) {
	p.Name, p.Description = strings.TrimSpace(p.Name), strings.TrimSpace(p.Description)
	p.Contact, p.Website = strings.TrimSpace(p.Contact), strings.TrimSpace(p.Website)
	if p.Language = strings.ToLower(strings.TrimSpace(p.Language)); p.Language == "" {
		p.Language = English
	}
	var err error
	if p.Services, err = keys("services", p.Services, maxServices); err != nil {
		return Profile{}, err
	}
	if p.Regions, err = keys("regions", p.Regions, maxRegions); err != nil {
		return Profile{}, err
	}
	return p, p.check()
}

func (p Profile) check() error {
	if p.Name == "" {
		return tenon.Invalid("company_name", "is empty")
	}
	if err := checkText("company_name", p.Name, maxName, false); err != nil {
		return err
	}
	if err := checkText("description", p.Description, maxDescription, true); err != nil {
		return err
	}
	if err := checkAddress("contact_email", p.Contact); err != nil {
		return err
	}
	if err := checkWebsite(p.Website); err != nil {
		return err
	}
	if !isKey(p.Language) || len(p.Language) > 35 {
		return tenon.Invalid("language", "is not of the form \"en\"")
	}
	_, err := zoneOf(p.Zone)
	return err
}

// checkText refuses what cannot be shown as it was written: bytes that are no UTF-8, control characters, and marks that
// turn the direction of what stands beside them.
func checkText(field, s string, most int, lines bool) error {
	if !utf8.ValidString(s) {
		return tenon.Invalid(field, "is not UTF-8")
	}
	if n := utf8.RuneCountInString(s); n > most {
		return tenon.Invalid(field, "has %d characters, at most %d", n, most)
	}
	for _, r := range s {
		if breaks := lines && strings.ContainsRune("\n\r\t", r); unicode.IsControl(r) && !breaks {
			return tenon.Invalid(field, "holds the control character %U", r)
		}
		if turns(r) {
			return tenon.Invalid(field, "holds %U, which turns the direction of text", r)
		}
	}
	return nil
}

// turns says whether r overrides or embeds a direction (Unicode Standard Annex 9, section 2).
func turns(r rune) bool { return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 }

func checkAddress(field, s string) error {
	if s == "" {
		return nil
	}
	if a, err := mail.ParseAddress(s); len(s) > maxAddress || err != nil || a.Address != s {
		return tenon.Invalid(field, "is not an e-mail address")
	}
	return checkText(field, s, maxAddress, false)
}

// checkWebsite refuses addresses that run code or show something else than they say.
func checkWebsite(s string) error {
	if s == "" {
		return nil
	}
	if err := checkText("website", s, maxWebsite, false); err != nil {
		return err
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https":
		return tenon.Invalid("website", "does not begin with http:// or https://")
	case u.Hostname() == "" || u.User != nil || u.Opaque != "":
		return tenon.Invalid("website", "is not the address of a site")
	}
	return nil
}

// keys returns the keys in lower case, in order and there once.
func keys(field string, given []string, most int) ([]string, error) {
	if len(given) > most {
		return nil, tenon.Invalid(field, "are %d, at most %d", len(given), most)
	}
	var all []string
	for _, k := range given {
		k = strings.ToLower(strings.TrimSpace(k))
		if !isKey(k) {
			return nil, tenon.Invalid(field, "%.70q is not a key of lower case letters, digits and - _ . /", k)
		}
		all = append(all, k)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// isKey says whether k is of 1 to 64 letters, digits and the signs - _ . / in ASCII.
func isKey(k string) bool {
	for i := range len(k) {
		c := k[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-_./", rune(c)) {
			return false
		}
	}
	return k != "" && len(k) <= maxKey
}
