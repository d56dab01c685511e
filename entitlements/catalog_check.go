package entitlements

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/transbotai/tenon"
)

// MaxQuantity bounds every quantity and limit: 2^53, the largest that JSON numbers keep exactly.
const MaxQuantity int64 = 1 << 53

// maxLevel bounds what a counter may grow to, so that no sum of two quantities overflows.
const maxLevel int64 = 1 << 61

var idForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_.\-]{0,99}$`)

// threeDecimals are the currencies of ISO 4217 whose minor unit is a thousandth, and noDecimals those without one.
var (
	threeDecimals = []string{"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
	noDecimals    = []string{"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"}
)

// Validate returns the first fault of c, an [tenon.ErrInvalid] that names the field, or nil.
func (c Catalog) Validate() error { return prefix(c.validate()) }

func (c Catalog) validate() error {
	features := make(map[string]Feature, len(c.Features))
	for i, f := range c.Features {
		field := fmt.Sprintf("features[%d]", i)
		if err := f.validate(field); err != nil {
			return err
		}
		if _, twice := features[f.Key]; twice {
			return tenon.Invalid(field+".key", "%q stands there twice", f.Key)
		}
		features[f.Key] = f
	}
	if err := validatePlans(c.Plans, features); err != nil {
		return err
	}
	return validateAddOns(c.AddOns, features)
}

func validatePlans(plans []Plan, features map[string]Feature) error {
	seen := map[string]bool{}
	for i, p := range plans {
		field := fmt.Sprintf("plans[%d]", i)
		if err := validID(field+".id", p.ID); err != nil {
			return err
		}
		if seen[p.ID] {
			return tenon.Invalid(field+".id", "%q stands there twice", p.ID)
		}
		seen[p.ID] = true
		if p.Tier < math.MinInt32 || p.Tier > math.MaxInt32 {
			return tenon.Invalid(field+".tier", "%d does not fit 32 bits", p.Tier)
		}
		if err := validNote(field+".name", p.Name); err != nil {
			return err
		}
		if err := p.validatePrice(field); err != nil {
			return err
		}
		if err := validateAllowances(field, p.Features, features); err != nil {
			return err
		}
	}
	return nil
}

func validateAddOns(addons []AddOn, features map[string]Feature) error {
	includes := map[string][]string{}
	for i, a := range addons {
		field := fmt.Sprintf("addons[%d]", i)
		if err := validID(field+".id", a.ID); err != nil {
			return err
		}
		if _, twice := includes[a.ID]; twice {
			return tenon.Invalid(field+".id", "%q stands there twice", a.ID)
		}
		includes[a.ID] = a.Includes
		if err := validNote(field+".name", a.Name); err != nil {
			return err
		}
		if err := validateAllowances(field, a.Features, features); err != nil {
			return err
		}
	}
	in := inclusions{of: includes, open: map[string]bool{}, found: map[string]included{}}
	for i, a := range addons {
		if _, err := in.check(fmt.Sprintf("addons[%d].includes", i), a.ID); err != nil {
			return err
		}
	}
	return nil
}

// The bounds of what one add-on may bring along, each counted as often as it comes, and through how many others.
const (
	maxIncluded      = 1000
	maxIncludedDepth = 32
)

// included is how many add-ons one stands for, itself among them, and how deep they lie.
type included struct{ count, depth int }

// inclusions walks what add-ons include. Each is walked once: a diamond is no cycle, and costs nothing.
type inclusions struct {
	of    map[string][]string
	open  map[string]bool
	found map[string]included
}

func (in inclusions) check(field, id string) (included, error) {
	if found, ok := in.found[id]; ok {
		return found, nil
	}
	next, ok := in.of[id]
	switch {
	case !ok:
		return included{}, tenon.Invalid(field, "add-on %q is unknown", id)
	case in.open[id]:
		return included{}, tenon.Invalid(field, "%q includes itself", id)
	}
	in.open[id] = true
	all := included{count: 1}
	for _, other := range next {
		one, err := in.check(field, other)
		if err != nil {
			return all, err
		}
		all.count, all.depth = all.count+one.count, max(all.depth, one.depth+1)
		if all.count > maxIncluded || all.depth > maxIncludedDepth {
			return all, tenon.Invalid(field, "%q includes more than %d others, or deeper than %d", id, maxIncluded, maxIncludedDepth)
		}
	}
	in.open[id], in.found[id] = false, all
	return all, nil
}

func validID(field, id string) error {
	if !idForm.MatchString(id) {
		return tenon.Invalid(field, "%.120q is not 1 to 100 lower case letters, digits, '_', '.' or '-'", id)
	}
	return nil
}

func (f Feature) validate(field string) error {
	if err := validID(field+".key", f.Key); err != nil {
		return err
	}
	if err := errors.Join(validNote(field+".description", f.Description), validNote(field+".category", f.Category)); err != nil {
		return err
	}
	if !slices.Contains([]Kind{Boolean, Config, Metered, Gauge}, f.Kind) {
		return tenon.Invalid(field+".kind", "%q is not boolean, config, metered or gauge", f.Kind)
	}
	if f.Kind != Config && (f.Number || len(f.Values) > 0) {
		return tenon.Invalid(field+".values", "only a config feature has values")
	}
	for _, value := range f.Values {
		if err := validNote(field+".values", value); err != nil {
			return err
		}
	}
	switch f.Fallback.Policy {
	case FailClosed, FailOpen:
	case LastKnown:
		if f.Fallback.MaxAge <= 0 {
			return tenon.Invalid(field+".fallback.max_age", "last_known needs an age above 0")
		}
	default:
		return tenon.Invalid(field+".fallback.policy", "%q is not open or last_known", f.Fallback.Policy)
	}
	return nil
}

func (p Plan) validatePrice(field string) error {
	if p.Monthly == 0 && p.Yearly == 0 && p.Currency == "" {
		return nil
	}
	if err := validPrice(field+".monthly", p.Monthly, p.Currency); err != nil {
		return err
	}
	if err := validPrice(field+".yearly", p.Yearly, p.Currency); err != nil {
		return err
	}
	if len(p.Currency) != 3 || !upper(p.Currency) {
		return tenon.Invalid(field+".currency", "%.60q is not a code of ISO 4217", p.Currency)
	}
	return nil
}

func validPrice(field string, minor int64, currency string) error {
	switch {
	case minor < 0:
		return tenon.Invalid(field, "%d is below 0", minor)
	case len(Price(minor, currency)) > len("99999999.99"):
		return tenon.Invalid(field, "%d does not fit 8 digits and two decimals", minor)
	case slices.Contains(threeDecimals, currency) && minor%10 != 0:
		return tenon.Invalid(field, "a price in %s ends with 0: prices keep two decimals", currency)
	}
	return nil
}

func upper(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(b byte) bool { return b < 'A' || b > 'Z' })
}

// Price returns minor units of a currency as a decimal number of its major unit, with two decimals: 9900 USD is
// "99.00" and 9900 JPY "9900.00".
func Price(minor int64, currency string) string {
	scale := int64(100)
	switch {
	case slices.Contains(noDecimals, currency):
		scale = 1
	case slices.Contains(threeDecimals, currency):
		scale = 1000
	}
	return big.NewRat(minor, scale).FloatString(2)
}

func validateAllowances(field string, allowances map[string]Allowance, features map[string]Feature) error {
	for _, key := range slices.Sorted(maps.Keys(allowances)) {
		at := field + ".features." + key
		f, ok := features[key]
		if !ok {
			return tenon.Invalid(at, "feature %q is unknown", key)
		}
		if err := allowances[key].validate(at, f); err != nil {
			return err
		}
	}
	return nil
}

func (a Allowance) validate(field string, f Feature) error {
	if f.Kind == Config {
		return f.validateValue(field, a)
	}
	if a.Value != "" {
		return tenon.Invalid(field+".value", "only a config feature has a value")
	}
	if len(a.Limits) == 0 {
		return tenon.Invalid(field+".limits", "a %s feature needs a limit", f.Kind)
	}
	if err := validateLimits(field+".limits", a.Limits, f.Kind); err != nil {
		return err
	}
	if a.Trial != nil && len(a.Trial) == 0 {
		return tenon.Invalid(field+".trial", "holds no limit: leave it out")
	}
	return validateLimits(field+".trial", a.Trial, f.Kind)
}

func (f Feature) validateValue(field string, a Allowance) error {
	if len(a.Limits) > 0 || len(a.Trial) > 0 {
		return tenon.Invalid(field+".limits", "a config feature has a value and no limits")
	}
	return f.checkValue(field+".value", a.Value)
}

func (f Feature) checkValue(field, value string) error {
	if err := validNote(field, value); err != nil {
		return err
	}
	if f.Number {
		_, err := strconv.ParseFloat(value, 64)
		if err != nil || strings.ContainsAny(value, "nNxX") { // NaN, Inf and hexadecimal are floats, and no decimals
			return tenon.Invalid(field, "%q is not a decimal number", value)
		}
	}
	if len(f.Values) > 0 && !slices.Contains(f.Values, value) {
		return tenon.Invalid(field, "%q is not one of %q", value, f.Values)
	}
	return nil
}

func validateLimits(field string, limits []Limit, kind Kind) error {
	seen := map[Period]bool{}
	for i, l := range limits {
		at := field
		if len(limits) > 1 {
			at = fmt.Sprintf("%s[%d]", field, i)
		}
		if err := l.validate(at, kind); err != nil {
			return err
		}
		if seen[l.Period.normal()] {
			return tenon.Invalid(at+".period", "%s stands there twice", l.Period)
		}
		seen[l.Period.normal()] = true
	}
	return nil
}

func (l Limit) validate(field string, kind Kind) error {
	if err := validQuantity(field+".hard", l.Hard); err != nil {
		return err
	}
	if err := validQuantity(field+".soft", l.Soft); err != nil {
		return err
	}
	if err := validQuantity(field+".overage", l.Overage); err != nil {
		return err
	}
	if l.Hard != Unlimited && (l.Soft == Unlimited || l.Soft > l.Hard) {
		return tenon.Invalid(field+".soft", "the soft limit %d is above the hard limit %d", l.Soft, l.Hard)
	}
	if err := l.Period.validate(field + ".period"); err != nil {
		return err
	}
	if kind != Metered && l.Period.Unit != Lifetime {
		return tenon.Invalid(field+".period", "a %s feature has no period", kind)
	}
	if kind == Boolean && (l.Overage != 0 || len(l.Alerts) > 0) {
		return tenon.Invalid(field+".overage", "a boolean feature has no overage and no alerts")
	}
	for _, percent := range l.Alerts {
		if percent < 1 || percent > 1000 {
			return tenon.Invalid(field+".alerts", "%d is not within 1 and 1000 percent", percent)
		}
	}
	return nil
}

func validQuantity(field string, n int64) error {
	if n < Unlimited || n > MaxQuantity {
		return tenon.Invalid(field, "%d is not within 0 and %d, nor -1 for unlimited", n, MaxQuantity)
	}
	return nil
}

func percentName(percent int) string { return strconv.Itoa(percent) + "%" }

// share returns percent of n, rounded up: a threshold is reached no earlier than its share.
func share(n int64, percent int) int64 {
	whole, rest := n/100, n%100
	return whole*int64(percent) + (rest*int64(percent)+99)/100
}
