package main

import (
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// What people do on each page first of all. Every path can be gone again on the same site: it is, in dark.

// unique is a name that nobody else has made on the site of the test.
func (b tab) unique(name string) string { return name + " of " + b.look.size + " " + b.look.mode() }

func (b tab) done(words string) {
	b.Helper()
	b.says(".note.done", words)
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
	b.visit("/companies/" + demoCompany + "/directory")
	b.enter("#company_name", b.unique("Invited Haulage"))
	b.enter("#contact_email", "dispatch@example.com")
	b.follow("button[value=invite]")
	said := outcome(b, chromedp.Text(chromedp.CSS(".note.done")))
	at := said[strings.Index(said, "/invitations/"):]
	b.visit(strings.TrimSpace(at))
}

func acceptInvitation(b tab) {
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
	b.again(func() bool { return b.count(`a[href*="/data/exports/"]`) > 0 })
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

// again loads the page until a condition holds.
func (b tab) again(holds func() bool) {
	b.Helper()
	require.Eventually(b, func() bool {
		if holds() {
			return true
		}
		b.load(chromedp.Reload())
		return false
	}, patience, 100*1e6)
}
