package flags

import (
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"

	"github.com/transbotai/tenon"
)

const (
	maxDepth   = 32
	maxTests   = 5000 // in one condition
	maxPattern = 512  // bytes
	maxProgram = 5000 // instructions of a compiled pattern

	exact = 1 << 53 // whole numbers from here on share a float64 with their neighbours
)

// check says what is wrong with c by itself. Path is where it stands.
func (c *Condition) check(path string) error {
	tests := 0
	return c.checkDeep(path, 0, &tests)
}

func (c *Condition) checkDeep(path string, depth int, tests *int) error {
	if *tests++; *tests > maxTests {
		return tenon.Invalid(path, "more than %d conditions", maxTests)
	}
	if depth > maxDepth {
		return tenon.Invalid(path, "nested deeper than %d", maxDepth)
	}
	if err := c.checkForm(path); err != nil {
		return err
	}
	for _, list := range []struct {
		name string
		of   []Condition
	}{{".all", c.All}, {".any", c.Any}} {
		for i := range list.of {
			if err := list.of[i].checkDeep(field(path+list.name, i), depth+1, tests); err != nil {
				return err
			}
		}
	}
	if c.Not != nil {
		return c.Not.checkDeep(path+".not", depth+1, tests)
	}
	if c.Segment != "" {
		return checkKey(path+".segment", c.Segment)
	}
	if c.Op != "" {
		return c.checkTest(path)
	}
	return nil
}

// checkForm says whether c is exactly one of the forms.
func (c *Condition) checkForm(path string) error {
	isTest := c.Attr != "" || c.Op != "" || c.Value != nil || c.Values != nil
	forms := 0
	for _, is := range []bool{c.All != nil, c.Any != nil, c.Not != nil, c.Segment != "", isTest} {
		if is {
			forms++
		}
	}
	switch {
	case forms != 1:
		return tenon.Invalid(path, "must be exactly one of all, any, not, segment and a test of attr")
	case c.All != nil && len(c.All) == 0:
		return tenon.Invalid(path+".all", "must not be empty")
	case c.Any != nil && len(c.Any) == 0:
		return tenon.Invalid(path+".any", "must not be empty")
	case isTest && c.Op == "":
		return tenon.Invalid(path+".op", "missing")
	default:
		return nil
	}
}

func (c *Condition) checkTest(path string) error {
	if err := checkName(path+".attr", c.Attr); err != nil {
		return err
	}
	f, ok := forms[c.Op]
	if !ok {
		return tenon.Invalid(path+".op", "unknown operator %q", clip(string(c.Op)))
	}
	if f.operand == takesNone {
		if c.Value != nil || c.Values != nil {
			return tenon.Invalid(path, "%s takes no value", c.Op)
		}
		return nil
	}
	if (c.Value == nil) == (c.Values == nil) || c.Values != nil && !f.several {
		return tenon.Invalid(path+".value", "%s", c.wanted(f))
	}
	if c.Value != nil {
		return checkOperand(path+".value", f.operand, c.Value)
	}
	if len(c.Values) == 0 || len(c.Values) > maxNames {
		return tenon.Invalid(path+".values", "must be 1 to %d", maxNames)
	}
	for i, v := range c.Values {
		if err := checkOperand(field(path+".values", i), f.operand, v); err != nil {
			return err
		}
	}
	return nil
}

func (c *Condition) wanted(f form) string {
	if f.several {
		return fmt.Sprintf("%s takes value or values", c.Op)
	}
	return fmt.Sprintf("%s takes one value", c.Op)
}

// checkOperand says whether v is what the operator compares with.
func checkOperand(path string, kind operandKind, v any) error {
	if kind == takesScalar || kind == takesNumber {
		return checkScalar(path, kind, v)
	}
	text, ok := v.(string)
	if !ok {
		return tenon.Invalid(path, "must be text")
	}
	if kind == takesPattern {
		return checkPattern(path, text)
	}
	if err := checkText(path, text, maxText); err != nil {
		return err
	}
	switch kind {
	case takesInstant:
		if _, ok := parseInstant(text); !ok {
			return tenon.Invalid(path, "must be a date, or an instant as in RFC 3339")
		}
	case takesVersion:
		if _, ok := parseSemver(text); !ok {
			return tenon.Invalid(path, "must be a semantic version")
		}
	case takesNetwork:
		if _, err := parseNetwork(text); err != nil {
			return tenon.Invalid(path, "must be a network, such as 10.0.0.0/8, or an address")
		}
	}
	return nil
}

func checkScalar(path string, kind operandKind, v any) error {
	switch v := v.(type) {
	case float64:
		if kind == takesScalar && math.Abs(v) >= exact {
			return tenon.Invalid(path, "must be below 2^53, where numbers are exact: compare longer ones as text")
		}
		return nil
	case string:
		if kind == takesScalar {
			return checkText(path, v, maxText)
		}
	case bool:
		if kind == takesScalar {
			return nil
		}
	}
	if kind == takesNumber {
		return tenon.Invalid(path, "must be a number")
	}
	return tenon.Invalid(path, "must be text, a number, true or false")
}

// checkPattern bounds a pattern by its length and by what it compiles to: a{1000}{… would be short and large.
func checkPattern(path, pattern string) error {
	if len(pattern) > maxPattern {
		return tenon.Invalid(path, "a pattern longer than %d bytes", maxPattern)
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return tenon.Invalid(path, "%v", err)
	}
	compiled, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(compiled.Inst) > maxProgram {
		return tenon.Invalid(path, "a pattern of more than %d instructions", maxProgram)
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return tenon.Invalid(path, "%v", err)
	}
	return nil
}

// clip bounds what of the input an error repeats.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
