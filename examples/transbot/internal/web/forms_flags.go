package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

// flagForm is what can be changed of a flag by a form, as it is filled in.
type flagForm struct {
	Version  int64  // that it was made from
	Everyone bool   // the default
	Named    string // companies that have it, one a line
	Without  string // companies that do not have it, whatever else is said
	Percent  string // of the other companies
	Reason   string
	Fixed    bool // a ramp decides on the percentage
}

func formOf(d flags.Definition) flagForm {
	f := flagForm{Version: d.Version, Everyone: d.Default == "on"}
	var with, without []string
	for tenant, variant := range d.Tenants {
		if variant == "on" {
			with = append(with, tenant)
		} else {
			without = append(without, tenant)
		}
	}
	f.Named, f.Without = lines(with), lines(without)
	if d.Rollout != nil {
		f.Percent, f.Fixed = strconv.FormatFloat(d.Rollout.Percent, 'f', -1, 64), d.Rollout.Ramp != nil
	}
	return f
}

func lines(names []string) string {
	slices.Sort(names)
	return strings.Join(names, "\n")
}

// readFlagForm reads the form; what is wrong with it shows when it is applied.
func readFlagForm(r *http.Request) flagForm {
	version, _ := strconv.ParseInt(r.PostFormValue("version"), 10, 64) // 0 is no flag's, and a conflict
	return flagForm{
		Version: version, Everyone: r.PostFormValue("everyone") == "on", Named: r.PostFormValue("named"),
		Without: r.PostFormValue("without"), Percent: strings.TrimSpace(r.PostFormValue("percent")), Reason: r.PostFormValue("reason"),
	}
}

// apply puts what was filled in into d. Rules, prerequisites and what else a form cannot hold stay.
func (f flagForm) apply(d *flags.Definition) error {
	d.Version = f.Version
	d.Default = "off"
	if f.Everyone {
		d.Default = "on"
	}
	d.Tenants = map[string]string{}
	for tenant := range strings.FieldsSeq(f.Without) {
		d.Tenants[tenant] = "off"
	}
	for tenant := range strings.FieldsSeq(f.Named) {
		if d.Tenants[tenant] == "off" {
			return tenon.Invalid("named", "has %s, which is among those without the flag too", tenant)
		}
		d.Tenants[tenant] = "on"
	}
	return f.applyPercent(d)
}

// applyPercent changes a copy of the rollout, so that what d is compared with stays as it is.
func (f flagForm) applyPercent(d *flags.Definition) error {
	if d.Rollout != nil && d.Rollout.Ramp != nil {
		return nil
	}
	var p float64
	if f.Percent != "" {
		var err error
		if p, err = strconv.ParseFloat(f.Percent, 64); err != nil || !(p >= 0 && p <= 100) { // NaN is neither
			return tenon.Invalid("percent", "is not a number within 0 and 100")
		}
	}
	var rollout flags.Rollout
	if d.Rollout != nil {
		rollout = *d.Rollout
	} else if p == 0 {
		return nil
	}
	rollout.Percent = p
	d.Rollout = &rollout
	return nil
}

// changeFlag stores what was filled in, or only shows whom it would change.
func (s *Server) changeFlag(w http.ResponseWriter, r *http.Request, v visitor) {
	f := readFlagForm(r)
	before, after, err := s.filledIn(r, f)
	switch {
	case err != nil:
	case r.PostFormValue("preview") != "":
		s.previewFlag(w, r, v, f, before, after)
		return
	default:
		var reason string
		if reason, err = reasonOf(r); err == nil {
			_, err = s.Flags.Put(r.Context(), after, reason)
		}
	}
	s.finishFlag(w, r, v, &f, "change", err)
}

// filledIn returns the flag as it is and as the form would have it.
func (s *Server) filledIn(r *http.Request, f flagForm) (before, after flags.Definition, err error) {
	before, err = s.Flags.Flag(r.PathValue("flag"))
	if err == nil && before.Type != flags.TypeBool {
		err = tenon.Invalid("type", "is not on or off: change it by its JSON")
	}
	after = before
	if err == nil {
		err = f.apply(&after)
	}
	return before, after, err
}

// previewFlag shows whom a change would reach.
func (s *Server) previewFlag(w http.ResponseWriter, r *http.Request, v visitor, f flagForm, before, after flags.Definition) {
	flips, err := s.Flags.Diff(r.Context(), before, after)
	if err != nil {
		s.finishFlag(w, r, v, &f, "", err)
		return
	}
	s.showFlag(w, r, v, showing{status: http.StatusOK, form: &f, flips: flips, looked: true})
}

// finishFlag answers a form: by the flag's page, with what was wrong when something was.
func (s *Server) finishFlag(w http.ResponseWriter, r *http.Request, v visitor, f *flagForm, what string, err error) {
	if err == nil {
		http.Redirect(w, r, "/flags/"+url.PathEscape(r.PathValue("flag"))+"?done="+what, http.StatusSeeOther)
		return
	}
	s.note(r, err)
	status, text := describe(err)
	s.showFlag(w, r, v, showing{status: status, alert: text, form: f})
}

// switchFlag turns the kill switch.
func (s *Server) switchFlag(w http.ResponseWriter, r *http.Request, v visitor) {
	reason, err := reasonOf(r)
	if err == nil {
		_, err = s.Flags.SetDisabled(r.Context(), r.PathValue("flag"), r.PostFormValue("disabled") == "yes", reason)
	}
	s.finishFlag(w, r, v, nil, "switch", err)
}

func (s *Server) revertFlag(w http.ResponseWriter, r *http.Request, v visitor) {
	reason, err := reasonOf(r)
	if err != nil {
		s.finishFlag(w, r, v, nil, "", err)
		return
	}
	version, err := number(r, "version", true)
	if err == nil {
		_, err = s.Flags.Revert(r.Context(), r.PathValue("flag"), version, reason)
	}
	s.finishFlag(w, r, v, nil, "revert", err)
}

// startRamp starts a rollout by stages.
func (s *Server) startRamp(w http.ResponseWriter, r *http.Request, v visitor) {
	schedule, err := scheduleOf(r)
	var reason string
	if err == nil {
		reason, err = reasonOf(r)
	}
	if err == nil {
		_, err = s.Flags.Ramp(r.Context(), r.PathValue("flag"), schedule, reason)
	}
	s.finishFlag(w, r, v, nil, "ramp", err)
}

// scheduleOf reads "5, 50, 100", the hours between stages, how many companies each has at the least, and whether stages
// wait for the objectives.
func scheduleOf(r *http.Request) (flags.Schedule, error) {
	var percents []float64
	for text := range strings.FieldsFuncSeq(r.PostFormValue("stages"), func(c rune) bool { return strings.ContainsRune(", %;\t\n", c) }) {
		p, err := strconv.ParseFloat(text, 64)
		if err != nil || !(p >= 0 && p <= 100) { // NaN is neither
			return flags.Schedule{}, tenon.Invalid("stages", "are not numbers within 0 and 100")
		}
		percents = append(percents, p)
	}
	if len(percents) == 0 {
		return flags.Schedule{}, tenon.Invalid("stages", "are none")
	}
	hours, err := number(r, "hours", false)
	if err != nil || hours < 0 || hours > 24*365 {
		return flags.Schedule{}, tenon.Invalid("hours", "is not within 0 and %d", 24*365)
	}
	least, err := number(r, "at_least", false)
	if err != nil || least < 0 || least > maxPopulation {
		return flags.Schedule{}, tenon.Invalid("at_least", "is not within 0 and %d", maxPopulation)
	}
	schedule := flags.Ramp(percents...).Every(time.Duration(hours) * time.Hour).AtLeast(int(least))
	if r.PostFormValue("guarded") != "" {
		schedule = schedule.Guard(ReleaseGuard)
	}
	return schedule, nil
}

// ReleaseGuard is the name of the guard that asks whether one may release. The flags that the server is given know it.
const ReleaseGuard = "slo"

// maxPopulation bounds how many companies a stage can ask for.
const maxPopulation = 100_000

// moveRamp returns the page that does a step of a ramp.
func moveRamp(step func(set *flags.Set, ctx context.Context, key, reason string) (flags.Definition, error)) method {
	return func(s *Server, w http.ResponseWriter, r *http.Request, v visitor) {
		reason, err := reasonOf(r)
		if err == nil {
			_, err = step(s.Flags, r.Context(), r.PathValue("flag"), reason)
		}
		what := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		s.finishFlag(w, r, v, nil, what, err)
	}
}
