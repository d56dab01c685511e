package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/flags"
)

// everybodyHas switches a flag on for every company, and waits until the program knows.
func (s *site) everybodyHas(key string) {
	s.t.Helper()
	_, err := s.flags.Edit(s.t.Context(), key, func(d *flags.Definition) error {
		d.Default = "on"
		return nil
	}, "for the test")
	require.NoError(s.t, err)
	asking := s.company("asks-for-"+strings.ReplaceAll(key, "_", "-"), "")
	require.Eventually(s.t, func() bool {
		return s.ask(asking, "/api/flags/"+key, "").field(s.t, "value") == true
	}, 30*time.Second, 5*time.Millisecond)
}

func TestFlagsOfTheCustomer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	demo, other := s.company("transbotai-demo", "pro"), s.company("acme", "pro")
	for key, want := range map[string]map[string]bool{
		demo:  {"rates": true, "directory": true, "bulk_rating": true, "invite_auto_approve": false},
		other: {"rates": true, "directory": true, "bulk_rating": false, "invite_auto_approve": false},
	} {
		for flag, on := range want {
			require.Equal(t, on, s.ask(key, "/api/flags/"+flag, "").field(t, "value"), flag)
		}
		r := s.ask(key, "/api/flags", "")
		require.Equal(t, http.StatusOK, r.status)
		require.Len(t, r.field(t, "flags"), 4)
		require.NotContains(t, r.body, "transbotai-demo", "nobody is told who else has a flag")
		require.Equal(t, http.StatusNotModified, s.ask(key, "/api/flags", "", "If-None-Match", r.header.Get("Etag")).status)
	}
	require.Equal(t, http.StatusUnauthorized, s.ask("no-such-key", "/api/flags", "").status)
	require.Equal(t, http.StatusNotFound, s.ask(demo, "/api/flags/typo", "").status)
}

func TestAFlagIsAskedBeforeThePlan(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	demo := s.company("transbotai-demo", "starter")
	r := s.ask(demo, "/api/quotes/bulk", list(lane))
	require.Equal(t, http.StatusForbidden, r.status, r.body)
	require.Equal(t, "not_in_plan", r.field(t, "reason"), "the flag is on, and the plan refuses")

	for _, plan := range []string{"starter", "enterprise"} {
		r = s.ask(s.company("acme-"+plan, plan), "/api/quotes/bulk", list(lane))
		require.Equal(t, http.StatusForbidden, r.status, r.body)
		require.Equal(t, "urn:tenon:problem:not-switched-on", r.field(t, "type"))
		require.Equal(t, "bulk_rating", r.field(t, "flag"))
		require.Equal(t, "This is not switched on for your company yet.", r.field(t, "detail"))
		s.requireUsed("acme-"+plan, "rates", 0)
	}
	require.Equal(t, http.StatusUnauthorized, s.ask("no-such-key", "/api/quotes/bulk", list(lane)).status, "who are you comes first")
}

// onFlag sends a form of a flag's page.
func (b browser) onFlag(key, form string, fields ...string) reply {
	b.t.Helper()
	page := "/flags/" + key
	return b.post(page+"/"+form, append(fields, "csrf", b.csrf(page))...)
}

func TestTheKillSwitchEndsAFeatureForEverybody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("transbotai-demo", "pro")
	require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
	staff, people := s.signIn(adminKey), s.signIn(key)
	csrf := people.csrf("/companies/transbotai-demo")
	r := staff.onFlag("rates", "switch", "disabled", "yes", "reason", "prices are wrong")
	require.Equal(t, http.StatusSeeOther, r.status, r.body)

	for _, r := range []reply{s.ask(key, "/api/quotes", lane), s.ask(key, "/api/quotes", ""), s.ask(key, "/api/quotes/bulk", list(lane))} {
		require.Equal(t, http.StatusForbidden, r.status)
		require.Equal(t, "urn:tenon:problem:switched-off", r.field(t, "type"))
		require.Equal(t, "rates", r.field(t, "flag"))
	}
	page := people.get("/companies/transbotai-demo/rates").body
	require.Contains(t, page, "Rates are switched off for everybody at the moment")
	require.NotContains(t, page, `name="weight_kg"`)
	r = people.post("/companies/transbotai-demo/rates", "csrf", csrf, "key", "k", "origin", "Reno, NV", "destination", "Miami, FL", "weight_kg", "9")
	require.Equal(t, http.StatusForbidden, r.status)
	s.requireUsed("transbotai-demo", "rates", 1)
	require.Equal(t, http.StatusOK, s.ask(key, "/api/limits/rates", "").status, "what one has can still be seen")

	require.Equal(t, http.StatusSeeOther, staff.onFlag("rates", "switch", "disabled", "no", "reason", "mended").status)
	require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
}

func TestWhatPeopleChangedOutlivesAStart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.signIn(adminKey).onFlag("bulk_rating", "change", "version", "1", "named", "acme", "everyone", "off", "reason", "acme signed")
	require.Equal(t, http.StatusSeeOther, r.status, r.body)
	url := s.pool.Config().ConnString()
	begin(t, func(name string) string { return map[string]string{"DATABASE_URL": url}[name] })
	require.NoError(t, s.flags.Load(t.Context()))
	d, err := s.flags.Flag("bulk_rating")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"acme": "on"}, d.Tenants)
	require.EqualValues(t, 2, d.Version)
}

func TestAChangeByOneInstanceIsLiveInAnother(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("acme", "pro")
	url := s.pool.Config().ConnString()
	other := begin(t, func(name string) string { return map[string]string{"DATABASE_URL": url}[name] })
	require.Equal(t, http.StatusForbidden, other.ask(key, "/api/quotes/bulk", list(lane)).status)
	require.Equal(t, http.StatusSeeOther, s.signIn(adminKey).onFlag("bulk_rating", "change", "version", "1", "everyone", "on", "reason", "ready").status)
	require.Eventually(t, func() bool {
		return other.ask(key, "/api/quotes/bulk", list(lane)).status == http.StatusOK
	}, 30*time.Second, 5*time.Millisecond)
}

func TestFlagPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.company("transbotai-demo", "pro")
	s.company("acme", "starter")
	s.company("zenith", "pro")
	staff := s.signIn(adminKey)

	t.Run("are_for_the_staff", func(t *testing.T) {
		b := s.signIn(key)
		csrf := b.csrf("/companies/transbotai-demo")
		for _, path := range []string{"/flags", "/flags/rates"} {
			require.Equal(t, http.StatusNotFound, b.get(path).status)
			require.Equal(t, "/signin", s.browser().get(path).header.Get("Location"))
		}
		for _, form := range []string{"switch", "change", "revert", "ramp", "advance", "pause", "resume", "rollback"} {
			r := b.post("/flags/bulk_rating/"+form, "csrf", csrf, "disabled", "yes", "reason", "mine", "version", "1", "stages", "100")
			require.Equal(t, http.StatusNotFound, r.status, form)
			require.Equal(t, http.StatusForbidden, staff.post("/flags/bulk_rating/"+form, "reason", "no token").status, form)
		}
		require.NotContains(t, b.get("/companies/transbotai-demo").body, `href="/flags"`)
		require.NoError(t, s.flags.Load(t.Context()))
		d, err := s.flags.Flag("bulk_rating")
		require.NoError(t, err)
		require.EqualValues(t, 1, d.Version)
	})

	t.Run("list_what_is_on_for_whom", func(t *testing.T) {
		page := staff.get("/flags").body
		for _, want := range []string{
			`<a href="/flags/bulk_rating">bulk_rating</a>`, "1 of 3", "3 of 3", "0 of 3", "on for some", "Every flag is in use.",
		} {
			require.Contains(t, page, want)
		}
	})

	t.Run("explain", func(t *testing.T) {
		require.Contains(t, staff.get("/flags/bulk_rating?company=transbotai-demo").body, "bulk_rating for transbotai-demo (version 1)")
		require.Contains(t, staff.get("/flags/bulk_rating?company=acme").body, "the flag&#39;s default: off")
		require.Equal(t, http.StatusNotFound, staff.get("/flags/typo").status)
	})

	t.Run("tell_whom_a_change_would_reach_before_it_is_made", func(t *testing.T) {
		r := staff.onFlag("bulk_rating", "change", "version", "1", "named", "zenith", "everyone", "off", "preview", "1")
		require.Equal(t, http.StatusOK, r.status, r.body)
		for _, want := range []string{"2 companies would change", "<code>transbotai-demo</code>", "<code>zenith</code>", ">zenith</textarea>"} {
			require.Contains(t, r.body, want)
		}
		require.NoError(t, s.flags.Load(t.Context()))
		d, err := s.flags.Flag("bulk_rating")
		require.NoError(t, err)
		require.EqualValues(t, 1, d.Version, "nothing is stored")
	})

	t.Run("change_and_revert", func(t *testing.T) {
		r := staff.onFlag("bulk_rating", "change", "version", "1", "named", "transbotai-demo\r\nacme", "without", "zenith", "percent", "50", "everyone", "off", "reason", "acme signed")
		require.Equal(t, http.StatusSeeOther, r.status, r.body)
		page := staff.get(r.header.Get("Location")).body
		for _, want := range []string{
			"The flag was changed.", "2 of 3 companies have it", "acme signed", "by staff", "<code>tenants.acme</code>", "<code>rollout.percent</code>",
		} {
			require.Contains(t, page, want)
		}
		r = staff.onFlag("bulk_rating", "change", "version", "1", "everyone", "on", "reason", "from an old page")
		require.Equal(t, http.StatusConflict, r.status)
		require.Contains(t, r.body, "That contradicts what is stored.")

		r = staff.onFlag("bulk_rating", "revert", "version", "1", "reason", "not yet")
		require.Equal(t, http.StatusSeeOther, r.status, r.body)
		require.Contains(t, staff.get("/flags/bulk_rating").body, "1 of 3 companies have it")
	})

	t.Run("roll_out_by_stages", func(t *testing.T) {
		r := staff.onFlag("invite_auto_approve", "ramp", "stages", "5, 50, 100", "hours", "24", "at_least", "1", "reason", "trying it")
		require.Equal(t, http.StatusSeeOther, r.status, r.body)
		require.Eventually(t, func() bool { // the program begins the first stage by itself
			return strings.Contains(staff.get("/flags/invite_auto_approve").body, "stage 1 of 3, 5 %, running")
		}, 30*time.Second, 20*time.Millisecond)
		require.Contains(t, staff.get("/flags").body, "stage 1 of 3")
		for _, step := range []struct{ form, says string }{
			{"pause", "stage 1 of 3, 5 %, paused"},
			{"resume", "stage 1 of 3, 5 %, running"},
			{"advance", "stage 2 of 3, 50 %, running"},
			{"rollback", "stage 1 of 3, 5 %, rolled back"},
			{"resume", "stage 1 of 3, 5 %, running"},
		} {
			r := staff.onFlag("invite_auto_approve", step.form, "reason", "because of "+step.form)
			require.Equal(t, http.StatusSeeOther, r.status, r.body)
			require.Contains(t, staff.get(r.header.Get("Location")).body, step.says, step.form)
		}
	})

	t.Run("wait_for_the_objectives_where_they_are_told_to", func(t *testing.T) {
		r := staff.onFlag("invite_auto_approve", "ramp", "stages", "5, 100", "hours", "1", "at_least", "1", "guarded", "yes", "reason", "with care")
		require.Equal(t, http.StatusSeeOther, r.status, r.body)
		require.Contains(t, staff.get("/flags/invite_auto_approve").body, "Each stage waits for <code>slo</code>")
		require.Eventually(t, func() bool { // nothing is counted yet, so nobody knows whether one may go on
			return strings.Contains(staff.get("/flags/invite_auto_approve").body, "Waiting: ")
		}, inTime, 50*time.Millisecond)
	})

	t.Run("say_what_is_wrong_and_change_nothing", func(t *testing.T) {
		for _, c := range []struct {
			form, says string
			status     int
			fields     []string
		}{
			{"switch", "reason is not text", 400, []string{"disabled", "yes"}},
			{"change", "reason is not text", 400, []string{"version", "1"}},
			{"change", "percent is not a number", 400, []string{"version", "1", "percent", "101", "reason", "r"}},
			{"change", "named has acme", 400, []string{"version", "1", "named", "acme", "without", "acme", "reason", "r"}},
			{"change", "contradicts", 409, []string{"version", "7", "everyone", "off", "reason", "r"}},
			{"revert", "version is not a whole number", 400, []string{"version", "", "reason", "r"}},
			{"revert", "There is no such", 404, []string{"version", "99", "reason", "r"}},
			{"ramp", "stages are none", 400, []string{"stages", " ", "reason", "r"}},
			{"ramp", "stages are not numbers", 400, []string{"stages", "5, many", "reason", "r"}},
			{"ramp", "hours is not within", 400, []string{"stages", "5", "hours", "-1", "reason", "r"}},
			{"ramp", "at_least is not within", 400, []string{"stages", "5", "at_least", "100001", "reason", "r"}},
			{"ramp", "reason is not text", 400, []string{"stages", "5"}},
			{"revert", "reason is not text", 400, []string{"version", "1"}},
			{"advance", "contradicts", 409, []string{"reason", "r"}},
		} {
			r := staff.onFlag("directory", c.form, c.fields...)
			require.Equal(t, c.status, r.status, "%s %v", c.form, c.fields)
			require.Contains(t, r.body, c.says)
			require.Contains(t, r.body, `role="alert"`)
		}
		require.NoError(t, s.flags.Load(t.Context()))
		d, err := s.flags.Flag("directory")
		require.NoError(t, err)
		require.EqualValues(t, 1, d.Version)
	})

	t.Run("have_labels_and_load_nothing_from_elsewhere", func(t *testing.T) {
		for _, path := range []string{"/flags", "/flags/bulk_rating?company=acme", "/flags/invite_auto_approve"} {
			page := staff.get(path).body
			for _, id := range append(inputIDs(page), textareaIDs(page)...) {
				require.Contains(t, page, `<label for="`+id+`"`, path)
			}
			for _, bad := range []string{"<script", "style=", "onclick", `src="http`} {
				require.NotContains(t, ownScripts.Replace(page), bad, path)
			}
		}
	})

	t.Run("escape_what_people_wrote", func(t *testing.T) {
		r := staff.onFlag("directory", "change", "version", "1", "named", "<script>alert(1)</script>", "everyone", "on", "reason", "<script>alert(2)</script>")
		require.Equal(t, http.StatusSeeOther, r.status, r.body)
		require.NotContains(t, staff.get("/flags/directory").body, "<script>")
	})
}

var textareaID = regexp.MustCompile(`<textarea[^>]* id="([^"]+)"`)

func textareaIDs(page string) []string {
	var ids []string
	for _, m := range textareaID.FindAllStringSubmatch(page, -1) {
		ids = append(ids, m[1])
	}
	return ids
}
