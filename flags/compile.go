package flags

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// typeCode is a [Type] as the hot path compares it. The zero code is any type.
type typeCode uint8

const (
	anyType typeCode = iota
	boolType
	stringType
	intType
	floatType
	jsonType
)

var typeCodes = map[Type]typeCode{
	TypeBool: boolType, TypeString: stringType, TypeInt: intType, TypeFloat: floatType, TypeJSON: jsonType,
}

// handle is how code names a flag. Its id finds the flag in a snapshot without the map.
type handle struct {
	key  string
	kind typeCode
	id   uint32
}

// handles counts the flags in code, so that each has a place of its own in every snapshot.
var handles atomic.Uint32

const (
	unslotted = math.MaxUint32 // the id of a handle without a place
	maxSlots  = 4096           // flags in code beyond it are looked up by key each time
)

func newHandle(key string, t Type) handle {
	return handle{key, typeCodes[t], handles.Add(1) - 1}
}

// variant is a value, ready in every form that it may be asked for.
type variant struct {
	name  string
	truth bool
	text  string
	whole int64
	num   float64
	raw   json.RawMessage
	value any
	read  *sync.Map // of JSON alone, by reflect.Type: a reading
}

// compiled is a flag ready to be evaluated. It does not change; who replaces it makes another.
type compiled struct {
	kind     typeCode
	still    bool // outcome is the same for everybody
	outcome  outcome
	variants []variant
	seen     seen

	key           string
	version       int64
	fallback      int16 // -1: the caller's default
	prerequisites []prerequisite
	tenants       map[string]int16
	rules         []rule
	rollout       *rollout
	by            string
	variantSalt   salted
	metadata      map[string]any
	definition    *Definition

	told atomic.Pointer[map[string]any] // the metadata with the version, made when first asked for
	asks atomic.Pointer[asksAt]         // likewise
}

// outcome is which variant is served, and why.
type outcome struct {
	variant int16 // -1: the caller's default
	rule    int16 // -1: none
	step    step
}

type prerequisite struct {
	flag     string
	variants []string
}

type rule struct {
	program program
	share   share
	id      string
}

type rollout struct {
	salt      salted
	threshold uint32 // in parts of a million
	extra     map[string]struct{}
	rings     []*segment
	share     share
}

// share is one variant, or several by weight.
type share struct {
	variant int16
	parts   []part // nil for one variant
	total   uint32
}

type part struct {
	variant int16
	below   uint32 // the bucket after its last
}

// segment is a segment ready to be asked.
type segment struct {
	key     string
	segment Segment
	version int64
	program program
}

// compile makes d ready. It has been checked; segments it names may be missing all the same, which is an error. A flag
// that is disabled is ready nevertheless: nothing keeps a kill switch from working.
func compile(d *Definition, segments map[string]*segment) (*compiled, error) {
	c := &compiled{
		key: d.Key, kind: typeCodes[d.Type], version: d.Version, definition: d, by: d.By,
		variantSalt: newSalted(d.variantSalt()), seen: newSeen(),
	}
	index := c.takeVariants(d)
	if c.by == TenantAttr {
		c.by = ""
	}
	c.fallback = -1
	if name := d.fallback(); name != "" {
		c.fallback = index(name)
	}
	c.metadata = metadataOf(d)
	for _, p := range d.Prerequisites {
		c.prerequisites = append(c.prerequisites, prerequisite{p.Flag, p.Variants})
	}
	if len(d.Tenants) > 0 {
		c.tenants = make(map[string]int16, len(d.Tenants))
	}
	for tenant, name := range d.Tenants {
		c.tenants[tenant] = index(name)
	}
	err := cmp.Or(c.compileRules(d, index, segments), c.compileRollout(d, index, segments))
	if err != nil && !d.Disabled {
		return nil, err
	}
	c.settle(d)
	return c, err
}

func (c *compiled) compileRules(d *Definition, index func(string) int16, segments map[string]*segment) error {
	for i := range d.Rules {
		p, err := compileCondition(field("rules", i)+".if", &d.Rules[i].If, segments)
		if err != nil {
			return err
		}
		c.rules = append(c.rules, rule{p, newShare(d.Rules[i].Serve, index), d.Rules[i].ID})
	}
	return nil
}

// switchable are the variants of a bool flag that names none; everybody shares them.
var switchable = []variant{newVariant(TypeBool, onOff[0]), newVariant(TypeBool, onOff[1])}

// takeVariants makes the variants ready and returns what finds one by its name.
func (c *compiled) takeVariants(d *Definition) func(name string) int16 {
	if len(d.Variants) == 0 {
		c.variants = switchable
	} else {
		c.variants = make([]variant, 0, len(d.Variants))
	}
	for _, v := range d.Variants {
		c.variants = append(c.variants, newVariant(d.Type, v))
	}
	return func(name string) int16 {
		return int16(slices.IndexFunc(c.variants, func(v variant) bool { return v.name == name }))
	}
}

// settle finds out whether everybody gets the same.
func (c *compiled) settle(d *Definition) {
	c.outcome = outcome{c.fallback, -1, stepStatic}
	if c.fallback < 0 {
		c.outcome.step = stepDefault
	}
	c.still = len(c.prerequisites) == 0 && c.tenants == nil && c.rules == nil && c.rollout == nil
	if d.Disabled {
		c.outcome, c.still = outcome{-1, -1, stepDisabled}, true
	}
}

func (c *compiled) compileRollout(d *Definition, index func(string) int16, segments map[string]*segment) error {
	r := d.Rollout
	if r == nil {
		return nil
	}
	percent, stages := r.present()
	c.rollout = &rollout{
		salt: newSalted(d.salt()), threshold: perMillion(percent), share: newShare(d.serve(), index), extra: map[string]struct{}{},
	}
	rings := r.Rings
	for _, tenant := range r.Extra {
		c.rollout.extra[tenant] = struct{}{}
	}
	for _, stage := range stages {
		rings = append(rings[:len(rings):len(rings)], stage.Rings...)
		for _, tenant := range stage.Extra {
			c.rollout.extra[tenant] = struct{}{}
		}
	}
	for i, key := range rings {
		ring, ok := segments[key]
		if !ok {
			return unknownSegment(field("rollout.rings", i), key)
		}
		c.rollout.rings = append(c.rollout.rings, ring)
	}
	return nil
}

// present returns the percentage that counts now, and the stages whose extra tenants and rings do.
func (r *Rollout) present() (float64, []Stage) {
	if r.Ramp == nil {
		return r.Percent, nil
	}
	stage, _ := r.Ramp.Present()
	return stage.Percent, r.Ramp.climb()
}

func perMillion(percent float64) uint32 { return uint32(math.Round(percent * (million / 100))) }

func newShare(s Serve, index func(string) int16) share {
	if len(s) == 1 {
		return share{variant: index(s[0].Variant)}
	}
	var sh share
	for _, w := range s {
		sh.total += uint32(w.Weight)
		sh.parts = append(sh.parts, part{index(w.Variant), sh.total})
	}
	return sh
}

// pick returns the variant of that hash.
func (sh *share) pick(hash uint32) int16 {
	bucket := Bucket(hash, sh.total)
	for i := range sh.parts {
		if bucket < sh.parts[i].below {
			return sh.parts[i].variant
		}
	}
	return sh.parts[len(sh.parts)-1].variant
}

func newVariant(t Type, v Variant) variant {
	made := variant{name: v.Name, raw: v.Value}
	switch t {
	case TypeBool:
		made.value, _ = into(v.Value, &made.truth)
	case TypeString:
		made.value, _ = into(v.Value, &made.text)
	case TypeInt:
		made.value, _ = into(v.Value, &made.whole)
	case TypeFloat:
		made.value, _ = into(v.Value, &made.num)
	case TypeJSON:
		var value any
		made.value, _ = into(v.Value, &value)
		made.read = &sync.Map{}
	}
	return made
}

// metadataOf reads the metadata, a number without a fraction as a whole one.
func metadataOf(d *Definition) map[string]any {
	if len(d.Metadata) == 0 {
		return nil
	}
	m := make(map[string]any, len(d.Metadata))
	for name, raw := range d.Metadata {
		m[name] = scalarOf(raw)
	}
	return m
}

// scalarOf returns text, a number or a truth; nil for anything else.
func scalarOf(raw json.RawMessage) any {
	var whole int64
	if json.Unmarshal(raw, &whole) == nil && string(raw) != "null" {
		return whole
	}
	var v any
	_ = json.Unmarshal(raw, &v) // what is no JSON is nil
	switch v.(type) {
	case string, float64, bool:
		return v
	default:
		return nil
	}
}

// into reads raw and returns what it holds.
func into[T any](raw json.RawMessage, target *T) (any, error) {
	err := json.Unmarshal(raw, target)
	return *target, err
}
