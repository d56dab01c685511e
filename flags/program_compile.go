package flags

import (
	"net/netip"
	"regexp"

	"github.com/transbotai/tenon"
)

// compileCondition makes a program of c, which has been checked.
func compileCondition(path string, c *Condition, segments map[string]*segment) (program, error) {
	w := writer{segments: segments}
	_, err := w.lay(path, c, passed, failed)
	return w.program, err
}

// writer lays a program down from its end.
type writer struct {
	program  program
	segments map[string]*segment
}

// lay adds c and returns the index at which it begins. It goes on to yes or no.
func (w *writer) lay(path string, c *Condition, yes, no int32) (int32, error) {
	switch {
	case c.Not != nil:
		return w.lay(path+".not", c.Not, no, yes)
	case c.All != nil:
		return w.chain(path+".all", c.All, yes, no, true)
	case c.Any != nil:
		return w.chain(path+".any", c.Any, yes, no, false)
	case c.Segment != "":
		s, ok := w.segments[c.Segment]
		if !ok {
			return 0, unknownSegment(path+".segment", c.Segment)
		}
		return w.add(test{op: opSegment, special: true, yes: yes, no: no, more: &operand{segment: s}}), nil
	case c.Op == OpNotIn:
		yes, no = no, yes
	}
	t := newTest(c)
	t.yes, t.no = yes, no
	return w.add(t), nil
}

// chain lays conditions down of which all, or one, must hold.
func (w *writer) chain(path string, conditions []Condition, yes, no int32, all bool) (int32, error) {
	var err error
	next := no
	if all {
		next = yes
	}
	for i := len(conditions) - 1; i >= 0 && err == nil; i-- {
		at := field(path, i)
		if all {
			next, err = w.lay(at, &conditions[i], next, no)
		} else {
			next, err = w.lay(at, &conditions[i], yes, next)
		}
	}
	return next, err
}

func (w *writer) add(t test) int32 {
	w.program = append(w.program, t)
	return int32(len(w.program) - 1)
}

// form is what an operator takes, and how it is asked.
type form struct {
	code    opcode
	operand operandKind
	several bool // Values may stand in place of Value
}

type operandKind uint8

const (
	takesScalar operandKind = iota
	takesNone
	takesNumber
	takesInstant
	takesVersion
	takesText
	takesPattern
	takesNetwork
)

var forms = map[Op]form{
	OpEqual:          {opText, takesScalar, false},
	OpIn:             {opIn, takesScalar, true},
	OpNotIn:          {opIn, takesScalar, true},
	OpExists:         {opExists, takesNone, false},
	OpLess:           {opLess, takesNumber, false},
	OpAtMost:         {opAtMost, takesNumber, false},
	OpGreater:        {opGreater, takesNumber, false},
	OpAtLeast:        {opAtLeast, takesNumber, false},
	OpDateLess:       {opDateLess, takesInstant, false},
	OpDateAtMost:     {opDateAtMost, takesInstant, false},
	OpDateGreater:    {opDateGreater, takesInstant, false},
	OpDateAtLeast:    {opDateAtLeast, takesInstant, false},
	OpVersionEqual:   {opVersionEqual, takesVersion, false},
	OpVersionLess:    {opVersionLess, takesVersion, false},
	OpVersionAtMost:  {opVersionAtMost, takesVersion, false},
	OpVersionGreater: {opVersionGreater, takesVersion, false},
	OpVersionAtLeast: {opVersionAtLeast, takesVersion, false},
	OpPrefix:         {opPrefix, takesText, true},
	OpSuffix:         {opSuffix, takesText, true},
	OpContains:       {opContains, takesText, true},
	OpMatches:        {opMatches, takesPattern, false},
	OpCIDR:           {opCIDR, takesNetwork, true},
}

// operands returns Value, or Values, as a list.
func (c *Condition) operands() []any {
	if c.Value != nil {
		return []any{c.Value}
	}
	return c.Values
}

func newTest(c *Condition) test {
	f := forms[c.Op]
	t := test{attr: c.Attr, special: c.Attr == TenantAttr, op: f.code}
	values := c.operands()
	switch f.operand {
	case takesNumber:
		t.num, _ = values[0].(float64)
	case takesInstant:
		t.num, _ = parseInstant(values[0].(string))
	case takesScalar:
		t.scalar(values, f.several)
	case takesNone:
	default:
		t.more = newOperand(f.operand, values)
	}
	return t
}

// scalar sets what an attribute must equal. One text alone needs no list.
func (t *test) scalar(values []any, several bool) {
	if several && len(values) != 1 {
		t.more = newOperand(takesScalar, values)
		return
	}
	switch v := values[0].(type) {
	case string:
		t.op, t.text = opText, v
	case float64:
		t.op, t.num = opNumber, v
	case bool:
		t.op, t.num = opTruth, Truth("", v).num
	}
}

func newOperand(kind operandKind, values []any) *operand {
	o := &operand{}
	for _, value := range values {
		switch v := value.(type) {
		case float64:
			o.numbers = append(o.numbers, v)
		case bool:
			o.truths[int(Truth("", v).num)] = true
		case string:
			o.addText(kind, v)
		}
	}
	if kind == takesScalar && len(o.texts) > few {
		o.many = make(map[string]struct{}, len(o.texts))
		for _, t := range o.texts {
			o.many[t] = struct{}{}
		}
	}
	return o
}

func (o *operand) addText(kind operandKind, v string) {
	switch kind {
	case takesVersion:
		o.version, _ = parseSemver(v)
	case takesPattern:
		o.pattern, _ = regexp.Compile(v)
	case takesNetwork:
		if n, err := parseNetwork(v); err == nil {
			o.nets = append(o.nets, n)
		}
	default:
		o.texts = append(o.texts, v)
	}
}

// parseNetwork reads a network, or an address, which is a network of one.
func parseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		addr = addr.Unmap().WithZone("")
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	n, err := netip.ParsePrefix(s)
	if n.Addr().Is4In6() && n.Bits() >= 96 {
		n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
	}
	return n.Masked(), err
}

func unknownSegment(path, key string) error {
	return tenon.Invalid(path, "there is no segment %q", key)
}
