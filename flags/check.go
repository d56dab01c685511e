package flags

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/transbotai/tenon"
)

// The bounds of a definition. They keep what evaluates in nanoseconds from being made to take seconds.
const (
	maxKey           = 128
	maxText          = 4096 // descriptions, owners, notes
	maxVariants      = 60   // a mark has a bit for each
	maxPrerequisites = 50
	maxMetadata      = 100
	maxTenants       = 10_000
	maxRules         = 1000
	maxWeights       = 100
	maxWeight        = math.MaxInt32 // of all together
	maxStages        = 100
	maxNames         = 10_000 // extra tenants, rings, guards, values
)

// check says what is wrong with d by itself.
func (d *Definition) check() error {
	for _, check := range []func() error{
		d.checkNames, d.checkMetadata, d.checkVariants, d.checkPrerequisites, d.checkTenants, d.checkRules,
		func() error { return d.Rollout.check(d) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (d *Definition) checkNames() error {
	if err := checkKey("key", d.Key); err != nil {
		return err
	}
	for _, text := range []struct{ path, value string }{
		{"description", d.Description},
		{"by", d.By},
		{"salt", d.Salt},
		{"variant_salt", d.VariantSalt},
		{"owner", d.Owner},
	} {
		if err := checkText(text.path, text.value, maxText); err != nil {
			return err
		}
	}
	return nil
}

func (d *Definition) checkMetadata() error {
	if len(d.Metadata) > maxMetadata {
		return tenon.Invalid("metadata", "more than %d", maxMetadata)
	}
	for _, name := range sortedKeys(d.Metadata) {
		path := member("metadata", name)
		if err := checkName(path, name); err != nil {
			return err
		}
		if !utf8.Valid(d.Metadata[name]) || scalarOf(d.Metadata[name]) == nil {
			return tenon.Invalid(path, "must be UTF-8 text, a number, true or false")
		}
	}
	return nil
}

// checkKey allows what needs no quoting in a path, a URL's segment or a log.
func checkKey(path, key string) error {
	if key == "" || len(key) > maxKey {
		return tenon.Invalid(path, "must have 1 to %d bytes", maxKey)
	}
	for _, r := range key {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-:", r) {
			return tenon.Invalid(path, "must consist of letters, digits and . _ - :")
		}
	}
	return nil
}

func checkText(path, text string, limit int) error {
	if len(text) > limit {
		return tenon.Invalid(path, "longer than %d bytes", limit)
	}
	if strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
		return tenon.Invalid(path, "must be UTF-8 without zero bytes") // Postgres keeps no other text
	}
	return nil
}

// checkName checks a tenant, an attribute or a variant.
func checkName(path, name string) error {
	if name == "" {
		return tenon.Invalid(path, "must not be empty")
	}
	return checkText(path, name, 256)
}

func (d *Definition) checkVariants() error {
	if _, ok := typeCodes[d.Type]; !ok {
		return tenon.Invalid("type", "must be one of bool, string, int, float and json")
	}
	if len(d.Variants) > maxVariants {
		return tenon.Invalid("variants", "more than %d", maxVariants)
	}
	if len(d.Variants) == 0 && d.Type != TypeBool {
		return tenon.Invalid("variants", "must not be empty")
	}
	seen := map[string]bool{}
	for i, v := range d.Variants {
		path := field("variants", i)
		if err := checkName(path+".name", v.Name); err != nil {
			return err
		}
		if seen[v.Name] {
			return tenon.Invalid(path+".name", "%q is there twice", v.Name)
		}
		seen[v.Name] = true
		if err := checkValue(path+".value", d.Type, v.Value); err != nil {
			return err
		}
	}
	if d.fallback() == "" {
		return nil
	}
	return d.checkVariant("default", d.fallback())
}

func checkValue(path string, t Type, raw json.RawMessage) error {
	if len(raw) == 0 {
		return tenon.Invalid(path, "missing")
	}
	if !utf8.Valid(raw) {
		return tenon.Invalid(path, "must be UTF-8")
	}
	var err error
	switch t {
	case TypeBool:
		err = reads[bool](raw)
	case TypeString:
		err = reads[string](raw)
	case TypeInt:
		err = reads[int64](raw)
	case TypeFloat:
		err = reads[float64](raw)
	case TypeJSON:
		err = reads[any](raw)
	}
	if err != nil || string(raw) == "null" && t != TypeJSON {
		return tenon.Invalid(path, "must be of type %s", t)
	}
	return nil
}

func reads[T any](raw json.RawMessage) error {
	var v T
	return json.Unmarshal(raw, &v)
}

// checkVariant says whether the flag has the variant.
func (d *Definition) checkVariant(path, name string) error {
	if d.hasVariant(name) {
		return nil
	}
	return tenon.Invalid(path, "there is no variant %q", name)
}

func (d *Definition) hasVariant(name string) bool {
	return slices.ContainsFunc(d.variants(), func(v Variant) bool { return v.Name == name })
}

func (d *Definition) checkPrerequisites() error {
	if len(d.Prerequisites) > maxPrerequisites {
		return tenon.Invalid("prerequisites", "more than %d", maxPrerequisites)
	}
	for i, p := range d.Prerequisites {
		path := field("prerequisites", i)
		if err := checkKey(path+".flag", p.Flag); err != nil {
			return err
		}
		if len(p.Variants) == 0 || len(p.Variants) > maxVariants {
			return tenon.Invalid(path+".variants", "must be 1 to %d", maxVariants)
		}
	}
	return nil
}

func (d *Definition) checkTenants() error {
	if len(d.Tenants) > maxTenants {
		return tenon.Invalid("tenants", "more than %d: use a segment", maxTenants)
	}
	for _, tenant := range sortedKeys(d.Tenants) {
		path := member("tenants", tenant)
		if err := checkName(path, tenant); err != nil {
			return err
		}
		if err := d.checkVariant(path, d.Tenants[tenant]); err != nil {
			return err
		}
	}
	return nil
}

func (d *Definition) checkRules() error {
	if len(d.Rules) > maxRules {
		return tenon.Invalid("rules", "more than %d", maxRules)
	}
	ids := map[string]bool{}
	for i := range d.Rules {
		r, path := &d.Rules[i], field("rules", i)
		if err := checkText(path+".id", r.ID, maxKey); err != nil {
			return err
		}
		if r.ID != "" && ids[r.ID] {
			return tenon.Invalid(path+".id", "%q is there twice", r.ID)
		}
		ids[r.ID] = true
		if err := r.If.check(path + ".if"); err != nil {
			return err
		}
		if err := d.checkServe(path+".serve", r.Serve); err != nil {
			return err
		}
	}
	return nil
}

func (d *Definition) checkServe(path string, s Serve) error {
	if len(s) == 0 || len(s) > maxWeights {
		return tenon.Invalid(path, "must be a variant, or 1 to %d weights", maxWeights)
	}
	var total int64
	for i, w := range s {
		at := field(path, i)
		if len(s) == 1 && w.Weight == 1 {
			at = path
		}
		if err := d.checkVariant(at, w.Variant); err != nil {
			return err
		}
		if w.Weight < 0 || w.Weight > maxWeight-total {
			return tenon.Invalid(at+".weight", "must not be negative, and all together at most %d", maxWeight)
		}
		total += w.Weight
	}
	if total == 0 {
		return tenon.Invalid(path, "the weights add up to nothing")
	}
	return nil
}

func (r *Rollout) check(d *Definition) error {
	if r == nil {
		return nil
	}
	if err := checkPercent("rollout.percent", r.Percent); err != nil {
		return err
	}
	if err := d.checkServe("rollout.serve", d.serve()); err != nil {
		return err
	}
	if err := checkNames("rollout.extra", r.Extra, maxNames); err != nil {
		return err
	}
	if err := checkNames("rollout.rings", r.Rings, maxStages); err != nil {
		return err
	}
	return r.Ramp.check("rollout.ramp")
}

// checkPercent allows the steps that a bucket has.
func checkPercent(path string, p float64) error {
	if !(p >= 0 && p <= 100) {
		return tenon.Invalid(path, "must be within 0 and 100")
	}
	if parts := p * (million / 100); math.Abs(parts-math.Round(parts)) > 1e-6 {
		return tenon.Invalid(path, "has more than 4 digits behind the point")
	}
	return nil
}

func checkNames(path string, names []string, limit int) error {
	if len(names) > limit {
		return tenon.Invalid(path, "more than %d", limit)
	}
	for i, name := range names {
		if err := checkName(field(path, i), name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schedule) check(path string) error {
	if s == nil {
		return nil
	}
	if s.fault != "" {
		return tenon.Invalid(path, "%s", s.fault)
	}
	if len(s.Stages) == 0 || len(s.Stages) > maxStages {
		return tenon.Invalid(path+".stages", "must be 1 to %d", maxStages)
	}
	for i := range s.Stages {
		if err := s.checkStage(path, i); err != nil {
			return err
		}
	}
	if s.Interval < 0 {
		return tenon.Invalid(path+".every", "must not be negative")
	}
	if s.Watch < 0 {
		return tenon.Invalid(path+".watch", "must not be negative")
	}
	if s.Reached < 0 || s.Reached > len(s.Stages) {
		return tenon.Invalid(path+".reached", "must be within 0 and the number of stages")
	}
	if !slices.Contains([]RampState{"", RampRunning, RampPaused, RampRolledBack, RampDone}, s.State) {
		return tenon.Invalid(path+".state", "must be one of running, paused, rolled_back and done")
	}
	if err := checkText(path+".note", s.Note, maxText); err != nil {
		return err
	}
	return checkNames(path+".guards", s.Guards, maxStages)
}

func (s *Schedule) checkStage(path string, i int) error {
	stage, path := &s.Stages[i], field(path+".stages", i)
	if err := checkPercent(path+".percent", stage.Percent); err != nil {
		return err
	}
	if stage.AtLeast < 0 || stage.AtLeast > maxNames {
		return tenon.Invalid(path+".at_least", "must be within 0 and %d", maxNames)
	}
	if i > 0 && !stage.At.IsZero() && !stage.At.After(s.Stages[i-1].At) {
		return tenon.Invalid(path+".at", "must be after the stage before")
	}
	if y := stage.At.Year(); !stage.At.IsZero() && (y < 1970 || y > 9999) {
		return tenon.Invalid(path+".at", "must be within the years 1970 and 9999")
	}
	if err := checkNames(path+".extra", stage.Extra, maxNames); err != nil {
		return err
	}
	return checkNames(path+".rings", stage.Rings, maxStages)
}

func (s *Segment) check() error {
	if err := checkKey("key", s.Key); err != nil {
		return err
	}
	if err := checkText("description", s.Description, maxText); err != nil {
		return err
	}
	return s.If.check("if")
}
