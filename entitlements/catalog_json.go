package entitlements

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/transbotai/tenon"
)

// ParseCatalog reads a catalogue from JSON and validates it. The names are those of the struct fields; a feature of a
// plan with one window may be written without "limits": {"hard": 100, "soft": 50, "period": "month"}. Unknown names
// are refused.
func ParseCatalog(r io.Reader) (Catalog, error) {
	var c Catalog
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Catalog{}, prefix(tenon.Invalid("catalog", "%v", err))
	}
	if _, err := d.Token(); err != io.EOF {
		return Catalog{}, prefix(tenon.Invalid("catalog", "something follows the catalogue"))
	}
	if err := c.validate(); err != nil {
		return Catalog{}, prefix(err)
	}
	return c, nil
}

// UnmarshalJSON implements [json.Unmarshaler]; see [ParseCatalog] for the short form.
func (a *Allowance) UnmarshalJSON(b []byte) error {
	var names map[string]json.RawMessage
	if err := json.Unmarshal(b, &names); err != nil {
		return err
	}
	type plain Allowance
	if _, short := names["hard"]; !short {
		return strict(b, (*plain)(a))
	}
	var one Limit
	if err := strict(b, &one); err != nil {
		return err
	}
	*a = Allowance{Limits: []Limit{one}}
	return nil
}

func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("allowance: %w", err)
	}
	return nil
}
