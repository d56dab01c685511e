package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// What people do on each page first of all. Every path can be gone again on the same site: it is, in dark.

// unique is a name that nobody else has made on the site of the test.
func (b tab) unique(name string) string { return name + " of " + b.look.size + " " + b.look.mode() }

func (b tab) done(words string) {
	b.Helper()
	b.says(".note.done", words)
}

func goToCalculator(b tab) { b.follow(`main a[href="/calculator"]`) }

var linkInMail = regexp.MustCompile(`/signup/[^/\s]+/[^/\s"<]+`)

// mailTo waits for a mail to an address and returns the path of the link in it.
func (b tab) mailTo(address string) (path string) {
	b.Helper()
	require.Eventually(b, func() bool {
		files, _ := filepath.Glob(filepath.Join(b.mails, "*"))
		for _, file := range files {
			text, _ := os.ReadFile(file)
			if strings.Contains(string(text), address) {
				path = linkInMail.FindString(string(text))
			}
		}
		return path != ""
	}, patience, 20*time.Millisecond, address)
	return path
}

// startTrial goes from the calculator to the pages of a company that has just begun.
func startTrial(b tab) {
	address := strings.ReplaceAll(b.unique("ann"), " ", "-") + "@lanes.example.com"
	b.enter("#lanes", "40")
	b.enter("#email", address)
	b.send("#email", "button[value=trial]")
	require.Contains(b, b.path(), "/signup?trial=")
	b.inspect("signup")
	require.EqualValues(b, 200, b.visit(b.mailTo(address)))
	b.inspect("welcome")
	b.enter("#company", b.unique("Ann's Lanes"))
	b.enter("#person", "Ann")
	b.send("#person", "button[value=confirm]")
	b.show(".secret")
	b.inspect("welcome-key")
	b.follow("main a.button")
	b.says("h1", b.unique("Ann's Lanes"))
	b.follow(`form[action="/signout"] button`)
}

func mistypeKey(b tab) {
	b.seen.expect(b.site.url + "/signin")
	b.enter("#key", "tb_mistyped")
	b.press(kb.Enter)
	b.show(".note.alert")
}

// takeTour is shown around: the dialog keeps the focus, each step can be taken by the keyboard, and it does not come back.
func takeTour(b tab) {
	inside := `document.activeElement.closest("dialog[open]") !== null`
	b.show("dialog[open]")
	for range 4 {
		b.press(kb.Tab)
		require.True(b, outcome(b, chromedp.Evaluate[bool](inside+` || document.activeElement === document.body`)), "the focus stays in the dialog")
	}
	b.do(chromedp.Focus(chromedp.CSS("[data-go=start]")))
	for b.count("dialog[open]") > 0 {
		b.press(kb.Enter)
	}
	b.visit(at + "/rates")
	require.Zero(b, b.count("dialog[open]"), "once is enough")
}

func askPrice(b tab) {
	b.choose("#origin", "Chicago, IL")
	b.choose("#destination", "Dallas, TX")
	b.enter("#weight_kg", "9000")
	b.send("#weight_kg", "form:has(#weight_kg) button")
	b.says("main table", "Chicago, IL → Dallas, TX")
}

func askPrices(b tab) {
	b.enter("#lanes", "Chicago, IL; Dallas, TX; 9000; 12\nDenver, CO; Reno, NV; 4200")
	b.follow("form:has(#lanes) button")
	b.says("h1", "Bulk job")
	b.inspect("job")
}

func seePlots(b tab) {
	require.GreaterOrEqual(b, b.count("main section svg"), 6, "three figures and three objectives")
	b.follow("main h2 a")
}

// tickItem ticks an item of the checklists, or takes it back.
func tickItem(b tab) {
	item := `details:has(form[action="/control/items"])`
	words := "ticked by"
	if b.count(item+" input[name=done]") == 0 {
		words = "taken back by"
	}
	b.do(chromedp.Click(chromedp.CSS(item + " summary")))
	b.enter(item+" input[name=note]", "looked at together")
	b.follow(item + " button")
	b.says("main", words)
	b.visit("/control")
}

// rollOut ticks an item, and starts the rollout; where it was started before, it is held and goes on.
func rollOut(b tab) {
	tickItem(b)
	if b.count("#rollout-reason") > 0 {
		b.enter("#rollout-reason", "ready for the first ones")
		b.send("#rollout-reason", `form[action="/control/rollout"] button`)
		b.done("")
	}
	require.Equal(b, 3, b.count(".stages li"))
	for _, step := range []string{"hold", "resume"} {
		b.visit("/control")
		b.enter("#move-reason", "to look closer")
		b.follow(`button[formaction="/control/rollout/` + step + `"]`)
		b.done("")
	}
}

// restoreAside runs a drill, which takes a machine's time, and waits for what it finds. One size is enough for all but the
// longest runs.
func restoreAside(b tab) {
	if !b.look.phone() && !thorough() {
		return
	}
	b.follow(`form[action="/control/restore"] button`)
	b.until("/control/restore", `form[action="/control/restore"] button`)
	b.says("#verdict", "The last drill")
	b.picture("restored")
}

func planErasure(b tab) {
	b.choose("#company", "harborline-logistics")
	b.follow("form:has(#company) button")
	b.says("section:has(#look)", "Nothing was done")
}

func findPartners(b tab) {
	b.enter("#q", "cold chian") // as people type
	b.send("#q", ".search button")
	b.show(".result")
	b.follow(".facet a")
	all := b.count(".result")
	b.follow(".chip.on")
	require.GreaterOrEqual(b, b.count(".result"), all)
}

func listPartner(b tab) {
	b.enter("#company_name", b.unique("Nightline Carriers"))
	b.enter("#description", "Night runs between the lakes")
	b.do(chromedp.Click(chromedp.CSS("input[name=service]")), chromedp.Click(chromedp.CSS("input[name=region]")))
	b.send("#company_name", `form:has(#company_name) button`)
	b.says("h1", b.unique("Nightline Carriers"))
	b.follow(`button[formaction$="/submit"]`)
	b.says(".headline", "submitted")
}

func invitePartner(b tab) {
	b.enter("#company_name", b.unique("Invited Haulage"))
	b.enter("#contact_email", "dispatch@example.com")
	b.follow("button[value=invite]")
	said := outcome(b, chromedp.Text(chromedp.CSS(".note.done")))
	at := said[strings.Index(said, "/invitations/"):]
	require.EqualValues(b, 200, b.visit(strings.TrimSpace(at)))
	b.inspect("invitation")
	b.follow("button[value=accept]")
	b.done("")
}

// verifyPartner takes the verification back where it was given before.
func verifyPartner(b tab) {
	b.follow(`table a[href*="/directory/"]`)
	b.follow(`button[formaction$="verify"]`)
	b.done("")
}

func openTicket(b tab) {
	b.choose("#priority", "P3")
	b.enter("#issue", b.unique("The dock door does not open, a question"))
	b.follow("form:has(#issue) button")
	b.says("main", b.unique("The dock door does not open, a question"))
}

func writeToUs(b tab) {
	b.enter("#text", "It is the second door from the left.")
	b.follow("form:has(#text) button")
	b.says(".talk", "It is the second door from the left.")
}

func workOnTicket(b tab) {
	b.follow(".tickets a")
	b.enter("#text", "We are looking into it.")
	b.follow(`button[formaction$="/note"]`)
	b.says(".talk", "We are looking into it.")
}

func subscribe(b tab) {
	b.choose("#sub-plan", "pro")
	b.follow("form:has(#sub-plan) button")
	b.show(".note.next a")
}

func takeDataAlong(b tab) {
	b.follow(`form[action$="/data/export"] button`)
	b.until(at+"/data", `a[href*="/data/exports/"]`)
	b.follow(`form[action$="/data/link"] button`)
	b.says("main", "/exports/")
}

func searchOwnRecords(b tab) {
	b.enter("input[name=action]", "POST *")
	b.send("input[name=action]", "form:has(input[name=action]) button")
	b.says(".records", "POST")
}

func verifyLog(b tab) {
	b.follow(`form[action="/audit/verify"] button`)
	b.says("#verify", "nothing was tampered with")
}

func openCompany(b tab) {
	b.follow(".companies a")
	b.show("#plan")
}

func grantUnits(b tab) {
	b.choose("#grant-feature", "rates")
	b.enter("#grant-amount", "25")
	b.enter("#grant-reason", "made up for an outage")
	b.send("#grant-reason", "form:has(#grant-reason) button")
	b.done("granted")
}

func changeFlag(b tab) {
	percent := map[string]string{"light": "10", "dark": "20"}[b.look.mode()]
	b.enter("#percent", percent)
	b.follow("button[name=preview]")
	b.show(".preview")
	b.enter("#change-reason", "more of them want it")
	b.send("#change-reason", "form:has(#change-reason) button")
	b.says("#history + .history", percent)
}

func explainFlag(b tab) {
	b.follow(".flags a")
	b.choose("#company", "harborline-logistics")
	b.follow("form:has(#company) button")
	b.show("pre")
}

// drill breaks the service, mends it, and takes that out of the count, so that what comes after finds it well.
func drill(b tab) {
	for _, what := range []string{"broken", "mended", "forgiven"} {
		button := "form:has(input[value=" + what + "]) button"
		if what == "forgiven" && b.count(button) == 0 {
			break // it lies in the minutes that were taken out before
		}
		b.follow(button)
		b.visit("/slo") // which does not load itself again
	}
	b.show("form:has(input[value=broken])")
}

func chooseZone(b tab) {
	b.choose("#zone", "America/Chicago")
	b.follow(".zone button")
	require.GreaterOrEqual(b, b.count("svg.plot"), 3)
}

func fixFinding(b tab) {
	b.enter("#title", b.unique("A cookie without a path"))
	b.choose("#severity", "low")
	b.send("#title", "form:has(#title) button")
	b.says("main", b.unique("A cookie without a path"))
	b.do(chromedp.Click(chromedp.CSS("details:has(form[action$='/fix']) summary")))
	b.enter("form[action$='/fix'] input[name=reason]", "It has one now.")
	b.follow("form[action$='/fix'] button")
	b.says("main", "fixed")
}

func proveIsolation(b tab) {
	b.follow(`form[action="/isolation"] button`)
	b.says("#verdict", "0 cross-tenant rows")
}

// until opens a page again and again until something is on it. The page may do so by itself, and break us off.
func (b tab) until(path, selector string) {
	b.Helper()
	there := chromedp.Evaluate[bool](`document.querySelector(` + quoted(selector) + `) !== null`)
	require.Eventually(b, func() bool {
		if chromedp.Do(b.ctx, chromedp.Navigate(b.site.url+path)) != nil {
			return false
		}
		found, err := chromedp.Run(b.ctx, there)
		return err == nil && found
	}, 4*patience, 200*time.Millisecond, "%s on %s", selector, path)
}
