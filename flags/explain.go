package flags

import (
	"fmt"
	"slices"
	"strings"
)

// Explanation is the whole path of one evaluation.
type Explanation struct {
	Key    string      `json:"key"`
	Tenant string      `json:"tenant"`
	Detail Detail[any] `json:"detail"`
	Steps  []Step      `json:"steps"` // in the fixed order, up to the one that decided
}

// Step is one step of the fixed order.
type Step struct {
	Cause   Cause  `json:"cause"`
	Decided bool   `json:"decided"`
	Text    string `json:"text"`
	// Parts are the conditions that were asked, for a rule.
	Parts []Step `json:"parts,omitempty"`
}

// Explain evaluates a flag and tells every step. It marks and exposes nothing. A flag that is not there is
// [ErrUnknownFlag].
func (s *Set) Explain(key string, w *Who) (Explanation, error) {
	snap := s.live.Load()
	c := snap.flags[key]
	if c == nil {
		return Explanation{}, ErrUnknownFlag
	}
	e := Explanation{Key: key, Tenant: w.Tenant, Detail: s.peek(snap, c, w)}
	e.tell(snap, c, w)
	return e, nil
}

// peek is Evaluate without a trace.
func (s *Set) peek(snap *snapshot, c *compiled, w *Who) Detail[any] {
	o := c.decide(snap, w)
	said := &steps[o.step]
	d := Detail[any]{
		Key: c.key, Reason: said.reason, Cause: said.cause, Code: said.code, Rule: int(o.rule), Version: c.version, Stale: snap.fromDisk,
		Metadata: c.metadata,
	}
	if o.rule >= 0 {
		d.RuleID = c.rules[o.rule].id
	}
	if o.variant >= 0 {
		d.Variant, d.Value = c.variants[o.variant].name, c.variants[o.variant].value
	}
	return d
}

// tell goes the way of [compiled.decide], which decides; this only puts it into words.
func (e *Explanation) tell(snap *snapshot, c *compiled, w *Who) {
	for _, tell := range []func(*snapshot, *compiled, *Who) bool{
		e.killSwitch, e.prerequisites, e.tenant, e.rules, e.rollout, e.fallback,
	} {
		if tell(snap, c, w) {
			return
		}
	}
}

// add adds a step and says whether it decided.
func (e *Explanation) add(cause Cause, decided bool, format string, args ...any) bool {
	e.Steps = append(e.Steps, Step{Cause: cause, Decided: decided, Text: fmt.Sprintf(format, args...)})
	return decided
}

func (e *Explanation) killSwitch(_ *snapshot, c *compiled, _ *Who) bool {
	if c.definition.Disabled {
		return e.add(CauseKillSwitch, true, "the flag is disabled: the default in code counts")
	}
	return e.add(CauseKillSwitch, false, "the flag is not disabled")
}

func (e *Explanation) prerequisites(snap *snapshot, c *compiled, w *Who) bool {
	if snap.cyclic[c.key] {
		return e.add(CausePrerequisite, true, "the prerequisites lead back to the flag: the default in code counts")
	}
	for i := range c.prerequisites {
		p := &c.prerequisites[i]
		have := "is not there"
		if other := snap.flags[p.flag]; other != nil {
			have = "gives the default in code"
			if o := other.decide(snap, w); o.variant >= 0 {
				have = "gives " + other.variants[o.variant].name
			}
		}
		if !p.holds(snap, w) {
			return e.add(CausePrerequisite, true, "flag %s %s, and must give %s: the default in code counts", p.flag, have, anyOf(p.variants))
		}
		e.add(CausePrerequisite, false, "flag %s %s, as it must", p.flag, have)
	}
	return false
}

func anyOf(names []string) string { return strings.Join(names, " or ") }

func (e *Explanation) tenant(_ *snapshot, c *compiled, w *Who) bool {
	if c.tenants == nil {
		return false
	}
	if w.Tenant == "" {
		return e.add(CauseError, true, "the flag names tenants, and nobody said which tenant this is: the default in code counts")
	}
	if v, ok := c.tenants[w.Tenant]; ok {
		return e.add(CauseTenant, true, "the tenant is named and gets %s", c.variants[v].name)
	}
	return e.add(CauseTenant, false, "the tenant is not among the %d that are named", len(c.tenants))
}

func (e *Explanation) rules(_ *snapshot, c *compiled, w *Who) bool {
	for i := range c.rules {
		r := &c.rules[i]
		name := fmt.Sprintf("rule %d", i)
		if r.id != "" {
			name += " (" + r.id + ")"
		}
		decided := r.program.matches(w)
		parts := r.program.trace(w)
		if decided {
			e.served(CauseRule, name+" matches", c, &r.share, w)
		} else {
			e.add(CauseRule, false, "%s does not match", name)
		}
		e.Steps[len(e.Steps)-1].Parts = parts
		if decided {
			return true
		}
	}
	return false
}

// served adds the step that decided, and which variant it serves.
func (e *Explanation) served(cause Cause, why string, c *compiled, sh *share, w *Who) {
	o := c.share(sh, w, outcome{})
	switch {
	case o.variant < 0:
		e.add(CauseError, true, "%s, and there is nothing to choose a variant by: the default in code counts", why)
	case sh.parts == nil:
		e.add(cause, true, "%s: %s", why, c.variants[o.variant].name)
	default:
		bucket := Bucket(c.variantSalt.hash(w.key(c.by)), sh.total)
		e.add(cause, true, "%s: %s, by weight %d of %d", why, c.variants[o.variant].name, bucket, sh.total)
	}
}

func (e *Explanation) rollout(_ *snapshot, c *compiled, w *Who) bool {
	r := c.rollout
	if r == nil {
		return false
	}
	key := w.key(c.by)
	if key == "" {
		return e.add(CauseError, true, "the rollout goes by %s, which is missing: the default in code counts", c.goesBy())
	}
	bucket, how := Bucket(r.salt.hash(key), million), c.definition.Rollout.inWords()
	if !r.has(key, w) {
		return e.add(CauseRollout, false, "%s is in bucket %d of %d, outside of %s", key, bucket, million, how)
	}
	why := fmt.Sprintf("%s is in bucket %d of %d, within %s", key, bucket, million, how)
	if bucket >= r.threshold {
		why = key + " takes part whatever its bucket"
	}
	e.served(CauseRollout, why, c, &r.share, w)
	return true
}

func (c *compiled) goesBy() string {
	if c.by == "" {
		return TenantAttr
	}
	return c.by
}

// inWords says which percentage counts, and of which stage.
func (r *Rollout) inWords() string {
	percent, _ := r.present()
	if r.Ramp == nil {
		return percentText(percent)
	}
	return fmt.Sprintf("%s (stage %d of %d, %s)", percentText(percent), r.Ramp.Reached, len(r.Ramp.Stages), r.Ramp.state())
}

func (e *Explanation) fallback(_ *snapshot, c *compiled, _ *Who) bool {
	if c.fallback < 0 {
		return e.add(CauseDefault, true, "the flag has no default of its own: the default in code counts")
	}
	return e.add(CauseDefault, true, "the flag's default: %s", c.variants[c.fallback].name)
}

// Text returns the explanation as lines that a support person can read.
func (e Explanation) Text() string {
	var b strings.Builder
	who := e.Tenant
	if who == "" {
		who = "nobody"
	}
	fmt.Fprintf(&b, "%s for %s (version %d)\n", e.Key, who, e.Detail.Version)
	writeSteps(&b, e.Steps, "")
	return b.String()
}

func writeSteps(b *strings.Builder, steps []Step, indent string) {
	for _, s := range steps {
		sign := "-"
		if s.Decided {
			sign = "→"
		}
		fmt.Fprintf(b, "%s%s %s\n", indent, sign, s.Text)
		writeSteps(b, s.Parts, indent+"  ")
	}
}

// trace returns the tests that matches asks, in their order.
func (p program) trace(w *Who) []Step {
	var asked []Step
	for at := int32(len(p) - 1); at >= 0; {
		t := &p[at]
		holds := t.holds(w)
		said := "false"
		if holds {
			said = "true"
		}
		step := Step{Cause: CauseRule, Text: t.String() + ": " + said + t.have(w)}
		if t.op == opSegment {
			step.Parts = t.more.segment.program.trace(w)
		}
		asked = append(asked, step)
		if at = t.no; holds {
			at = t.yes
		}
	}
	return asked
}

// have says what the attribute is.
func (t *test) have(w *Who) string {
	if t.op == opSegment {
		return ""
	}
	a := w.find(t.attr)
	if t.special {
		a = &Attr{text: w.Tenant, kind: attrText}
	}
	if a == nil || t.special && w.Tenant == "" {
		return ", it is missing"
	}
	return ", it is " + a.String()
}

var opNames = func() map[opcode]Op {
	names := map[opcode]Op{opNumber: OpEqual, opTruth: OpEqual}
	for op, f := range forms {
		if op != OpNotIn {
			names[f.code] = op
		}
	}
	return names
}()

// String returns the test as a person would write it.
func (t *test) String() string {
	switch t.op {
	case opSegment:
		return "segment " + t.more.segment.key
	case opExists:
		return t.attr + " exists"
	}
	return t.attr + " " + string(opNames[t.op]) + " " + t.operandText()
}

func (t *test) operandText() string {
	switch {
	case t.op == opText:
		return Text("", t.text).String()
	case t.op == opTruth:
		return Truth("", t.num != 0).String()
	case t.op >= opDateLess && t.op <= opDateAtLeast:
		return Attr{num: t.num, kind: attrTime}.String()
	case t.more == nil:
		return Number("", t.num).String()
	default:
		return t.more.String()
	}
}

// String returns the operand, shortened where it is long.
func (o *operand) String() string {
	var parts []string
	for _, n := range o.numbers {
		parts = append(parts, Number("", n).String())
	}
	for i, is := range o.truths {
		if is {
			parts = append(parts, Truth("", i == 1).String())
		}
	}
	for _, n := range o.nets {
		parts = append(parts, n.String())
	}
	for _, text := range o.texts {
		parts = append(parts, Text("", text).String())
	}
	switch {
	case o.pattern != nil:
		return o.pattern.String()
	case len(parts) == 0:
		return o.version.String()
	case len(parts) > few:
		parts = append(slices.Clone(parts[:few]), fmt.Sprintf("and %d more", len(parts)-few))
	}
	return "[" + strings.Join(parts, " ") + "]"
}
