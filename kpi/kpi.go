package kpi

import (
	"cmp"
	"fmt"

	"github.com/transbotai/tenon"
)

// KPI is a named figure. Exactly one of the pointers is set: it says what is counted.
type KPI struct {
	Name        string `json:"name"`                  // required
	Title       string `json:"title,omitempty"`       // for people; empty: the name
	Description string `json:"description,omitempty"` // at most 2,000 bytes

	Count      *Count      `json:"count,omitempty"`
	Sum        *Sum        `json:"sum,omitempty"`
	Unique     *Unique     `json:"unique,omitempty"`
	Ratio      *Ratio      `json:"ratio,omitempty"`
	Conversion *Conversion `json:"conversion,omitempty"`
	Cohort     *Cohort     `json:"cohort,omitempty"`
	Funnel     *Funnel     `json:"funnel,omitempty"`

	// What a [Query] that leaves them open gets.
	Grain Grain  `json:"grain,omitempty"` // empty: [Daily]
	Last  int    `json:"last,omitempty"`  // so many periods, the present one included; 0: 30
	Zone  string `json:"zone,omitempty"`  // of the IANA database; empty: UTC

	// Goal is what the figure should be. [Board.Evaluate] tells when it is crossed. Nil: there is none.
	Goal *Goal `json:"goal,omitempty"`
}

// Subject says whose path through the events is followed: [User], [Tenant], or the name of a property, such as the
// number of a quote. Subjects of different tenants are always different. An event that names no subject, because the
// user is empty or the property has no text or an empty one, takes no part.
type Subject string

// The subjects that are no property.
const (
	User   Subject = ""        // the event's user
	Tenant Subject = "$tenant" // the event's tenant
)

// Of returns the event's subject, and false when it names none.
func (s Subject) Of(e *Event) (string, bool) {
	switch s {
	case User:
		return e.User, e.User != ""
	case Tenant:
		return e.Tenant, true
	}
	text, ok := e.text(string(s))
	return text, ok && text != ""
}

func (s Subject) String() string {
	switch s {
	case User:
		return "user"
	case Tenant:
		return "tenant"
	}
	return string(s)
}

// Count counts events. Its rollups are by the quarter of an hour.
type Count struct {
	Of        Step   `json:"of"`
	Breakdown string `json:"breakdown,omitempty"` // a property; empty: none
}

// Sum adds up a property of events, and gives the average beside. An event whose property is no number, or one whose
// magnitude is over 10^12, adds nothing and counts in [Point.Sample] alone.
type Sum struct {
	Of        Step   `json:"of"`
	Property  string `json:"property"`          // required
	Average   bool   `json:"average,omitempty"` // the figure is the average of the numbers, not their sum
	Breakdown string `json:"breakdown,omitempty"`
}

// Unique counts the different subjects of events, in each period by itself.
type Unique struct {
	Of        Step    `json:"of"`
	Subject   Subject `json:"subject,omitempty"`
	Breakdown string  `json:"breakdown,omitempty"` // a subject counts once in every group that it has an event in
}

// Ratio divides one figure by another, period by period. A period in which the second is 0 has no value.
type Ratio struct {
	Of  Term `json:"of"`
	Per Term `json:"per"`
}

// Term is a side of a [Ratio]: how many events, or the sum of a property.
type Term struct {
	Of       Step   `json:"of"`
	Property string `json:"property,omitempty"` // empty: events are counted
}

// Conversion tells which share of the subjects that started also converted, by when they started. A subject starts
// with its first event ever that fits Start, and counts once, there. It converts when its first event ever that fits
// Convert is at most Lead before and at most Window after; both bounds belong to it, and so does the same instant and
// the same event. So the share never passes 100 %, and late or corrected events change the period that they concern.
type Conversion struct {
	Start     Step     `json:"start"`
	Convert   Step     `json:"convert"`
	Subject   Subject  `json:"subject,omitempty"`
	Window    Duration `json:"window,omitempty"`    // 0: however long it takes
	Lead      Duration `json:"lead,omitempty"`      // a trial may be paid before it ends
	Breakdown string   `json:"breakdown,omitempty"` // a property of the event that started
}

// Cohort tells how subjects that started in the same period went on: which share had an event that fits Convert
// in each age after it. Ages are Every long and counted from the subject's own start: age 0 begins with it, an instant
// on the boundary belongs to the age that it begins, and there are Window/Every of them. The event that started does
// not count as one that fits Convert. A subject starts as in a [Conversion]. The figure is the share that had any
// such event within Window.
type Cohort struct {
	Start     Step     `json:"start"`
	Convert   Step     `json:"convert"`
	Subject   Subject  `json:"subject,omitempty"`
	Window    Duration `json:"window"`              // required; a multiple of Every
	Every     Duration `json:"every,omitempty"`     // 0: Window, which gives one age
	Breakdown string   `json:"breakdown,omitempty"` // a property of the event that started
}

// Ages returns how many ages there are.
func (c Cohort) Ages() int { return int(c.Window / c.every()) }

func (c Cohort) every() Duration {
	if c.Every == 0 {
		return c.Window
	}
	return c.Every
}

// maxAges bounds the ages of a cohort.
const maxAges = 100

// Check returns the first fault of k, a [tenon.ErrInvalid] that names the field, or nil.
func (k KPI) Check() error {
	for _, f := range []struct{ name, text string }{{"title", k.Title}, {"grain", string(k.Grain)}, {"zone", k.Zone}} {
		if err := checkText(f.name, f.text); err != nil {
			return err
		}
	}
	if err := checkName("name", k.Name); err != nil {
		return err
	}
	if len(k.Description) > 2000 {
		return tenon.Invalid("description", "has %d bytes, more than 2000", len(k.Description))
	}
	if err := checkUTF8("description", k.Description); err != nil {
		return err
	}
	if _, err := k.frame(); err != nil {
		return err
	}
	kind, err := k.kind()
	if err != nil {
		return err
	}
	if err := kind.check(); err != nil {
		return err
	}
	return k.Goal.check()
}

// kind is what a KPI may count.
type kind interface {
	check() error
	words() string
}

// kind returns the one that is set.
func (k KPI) kind() (kind, error) {
	var set []kind
	if k.Count != nil {
		set = append(set, k.Count)
	}
	if k.Sum != nil {
		set = append(set, k.Sum)
	}
	if k.Unique != nil {
		set = append(set, k.Unique)
	}
	if k.Ratio != nil {
		set = append(set, k.Ratio)
	}
	if k.Conversion != nil {
		set = append(set, k.Conversion)
	}
	if k.Cohort != nil {
		set = append(set, k.Cohort)
	}
	if k.Funnel != nil {
		set = append(set, k.Funnel)
	}
	if len(set) != 1 {
		return nil, tenon.Invalid("kpi", "%q counts %d things, not one", k.Name, len(set))
	}
	return set[0], nil
}

func (c *Count) check() error { return firstOf(c.Of.check("of"), checkText("breakdown", c.Breakdown)) }

func (s *Sum) check() error {
	return firstOf(s.Of.check("of"), checkName("property", s.Property), checkText("breakdown", s.Breakdown))
}

func (u *Unique) check() error {
	return firstOf(u.Of.check("of"), checkText("subject", string(u.Subject)), checkText("breakdown", u.Breakdown))
}

func (r *Ratio) check() error {
	return firstOf(r.Of.Of.check("of.of"), r.Per.Of.check("per.of"), checkText("of.property", r.Of.Property),
		checkText("per.property", r.Per.Property))
}

func (c *Conversion) check() error {
	return firstOf(c.Start.check("start"), c.Convert.check("convert"), checkText("subject", string(c.Subject)),
		checkWindow("window", c.Window), checkWindow("lead", c.Lead), checkText("breakdown", c.Breakdown))
}

func (c *Cohort) check() error {
	if err := firstOf(c.Start.check("start"), c.Convert.check("convert"), checkText("subject", string(c.Subject)),
		checkWindow("window", c.Window), checkWindow("every", c.Every), checkText("breakdown", c.Breakdown)); err != nil {
		return err
	}
	if c.Window == 0 {
		return tenon.Invalid("window", "is required")
	}
	if c.Window%c.every() != 0 || c.Ages() > maxAges {
		return tenon.Invalid("every", "%s does not go into %s 1 to %d times", c.Every, c.Window, maxAges)
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// title returns what people call the KPI.
func (k KPI) title() string {
	if k.Title != "" {
		return k.Title
	}
	return k.Name
}

func (c *Count) words() string { return fmt.Sprintf("How many events %s there were.", c.Of) }
func (u *Unique) words() string {
	return fmt.Sprintf("How many different %ss had an event %s.", u.Subject, u.Of)
}

func (s *Sum) words() string {
	what := "sum"
	if s.Average {
		what = "average"
	}
	return fmt.Sprintf("The %s of %s over the events %s. Events without a number are left out.", what, s.Property, s.Of)
}

func (r *Ratio) words() string {
	return fmt.Sprintf("What comes out when %s is divided by %s.", r.Of, r.Per)
}

// String returns the term in words.
func (t Term) String() string {
	if t.Property == "" {
		return fmt.Sprintf("the number of events %s", t.Of)
	}
	return fmt.Sprintf("the sum of %s over the events %s", t.Property, t.Of)
}

func (c *Conversion) words() string {
	within := "at any time after"
	if c.Window > 0 {
		within = fmt.Sprintf("within %s", c.Window)
	}
	if c.Lead > 0 {
		within += fmt.Sprintf(" (or at most %s before)", c.Lead)
	}
	return fmt.Sprintf("Of the %ss whose first event %s lies in the period, the share whose first event %s came %s. "+
		"Each counts once, when it started.", c.Subject, c.Start, c.Convert, within)
}

func (c *Cohort) words() string {
	within := fmt.Sprintf("in each %s after it, for %s", c.every(), c.Window)
	if c.Ages() == 1 {
		within = fmt.Sprintf("within %s after it", c.Window)
	}
	return fmt.Sprintf("Of the %ss whose first event %s lies in the period, the share that had an event %s %s.",
		c.Subject, c.Start, c.Convert, within)
}

// frame returns the periods in which the KPI is shown when nothing else is asked for.
func (k KPI) frame() (frame, error) {
	if k.Last < 0 || k.Last > maxPeriods {
		return frame{}, tenon.Invalid("last", "%d is not within 0 and %d", k.Last, maxPeriods)
	}
	return newFrame(cmp.Or(k.Grain, Daily), k.Zone)
}
