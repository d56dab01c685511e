package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"os"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

//go:embed testdata/axe/axe.min.js
var axe string

// quoted is a string of Go's as one of JavaScript's.
func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a form in JSON
	}
	return string(text)
}

// formScript returns what is wrong with the form of the page that is shown: its head, its size, its pictures.
const formScript = `(() => {
  const faults = [];
  const root = document.documentElement;
  const name = (el) => el.tagName.toLowerCase() + (el.id ? "#" + el.id : "") + (el.className.baseVal ?? el.className ? "." + (el.className.baseVal ?? el.className) : "");
  if (root.lang !== "en") faults.push("the page does not say its language");
  if (!/\S · Trans Bot$/.test(document.title)) faults.push("the title is " + JSON.stringify(document.title));
  const heads = document.querySelectorAll("h1").length;
  if (heads !== 1) faults.push(heads + " h1");
  if (root.scrollWidth > root.clientWidth) {
    const widest = [...document.querySelectorAll("body *")]
      .filter((el) => !el.closest(".scroll"))
      .sort((a, b) => b.getBoundingClientRect().right - a.getBoundingClientRect().right)[0];
    faults.push("wider than the window by " + (root.scrollWidth - root.clientWidth) + ", for " + name(widest));
  }
  for (const image of document.images) {
    if (!image.complete || image.naturalWidth === 0) faults.push("no picture: " + image.src);
  }
  const drawn = "path, polyline, polygon, line, rect, circle, text";
  for (const svg of document.querySelectorAll("svg")) {
    if (!svg.checkVisibility()) continue;
    const box = svg.getBoundingClientRect();
    const label = name(svg) + " " + (svg.getAttribute("aria-label") ?? "");
    if (box.width < 1 || box.height < 1) faults.push("no size: " + label);
    let shapes = 0;
    for (const el of svg.querySelectorAll(drawn)) {
      const r = el.getBoundingClientRect(), spare = el.tagName === "text" ? r.height / 3 : 2; // above and below letters
      if (r.left < box.left - 2 || r.right > box.right + 2 || r.top < box.top - spare || r.bottom > box.bottom + spare)
        faults.push(name(el) + " " + (el.textContent || "").trim() + " lies outside of " + label);
      if (el.tagName !== "text" && (r.width > 0 || r.height > 0)) shapes++;
      if ([...el.attributes].some((a) => /NaN|Infinity/.test(a.value))) faults.push("not a number in " + label);
    }
    if (shapes === 0) faults.push("nothing is drawn: " + label);
  }
  return faults;
})()`

// wellFormed checks how the page stands, and what it did while it was loaded.
func (b tab) wellFormed() {
	b.Helper()
	b.report(outcome(b, chromedp.Evaluate[[]string](formScript)))
	b.quiet()
}

// quiet checks that nothing went wrong behind the page.
func (b tab) quiet() {
	b.Helper()
	b.report(b.seen.take())
}

// report fails the test for what was found on the page, and goes on.
func (b tab) report(faults []string) {
	b.Helper()
	for _, fault := range faults {
		b.Errorf("%s: %s", b.path(), fault)
	}
}

// axeScript returns what axe-core finds to be serious or worse, in a line each.
const axeScript = `axe.run(document, { resultTypes: ["violations"], preload: false }).then((found) =>
  found.violations
    .filter((v) => v.impact === "serious" || v.impact === "critical")
    .flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 160) + " " + n.failureSummary)))`

// accessible checks the page by axe-core. Its rules for colours see those of the tab's scheme.
func (b tab) accessible() {
	b.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](axe))
	b.report(outcome(b, chromedp.Evaluate[[]string](axeScript, chromedp.EvalAwaitPromise)))
}

// picture keeps a picture of the whole page.
func (b tab) picture(name string) {
	b.Helper()
	file := b.shots + "/" + name + "-" + b.look.size + "-" + b.look.mode() + ".png"
	require.NoError(b, os.WriteFile(file, outcome(b, chromedp.Action[[]byte](wholePage)), 0o644))
}

// wholePage takes the picture, with more regard to time than to its size.
func wholePage(ctx context.Context, t *chromedp.Target) ([]byte, error) {
	shot, err := cdp.Call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{
		CaptureBeyondViewport: new(true), OptimizeForSpeed: new(true),
	})
	if err != nil {
		return nil, err
	}
	return shot.Data, nil
}

// walkScript notes what gets the focus from now on, and returns how many elements should: what can be worked with and is
// seen, in the order of the page.
const walkScript = `(() => {
  const usable = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
    .filter((el) => !el.disabled && !el.closest("[inert]") && el.checkVisibility({ visibilityProperty: true }))
    .filter((el) => el.type !== "radio" || el.checked);
  const walk = { usable, reached: [], unseen: [] };
  window.walk = walk;
  document.addEventListener("focusin", (e) => {
    const el = e.target, style = getComputedStyle(el), box = el.getBoundingClientRect();
    walk.reached.push(el);
    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
    const inside = box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    if (!ring || !inside) walk.unseen.push(el);
  });
  return usable.length;
})()`

// topScript makes the next Tab start at the top of the page, wherever the focus was.
const topScript = `(() => {
  const top = document.createElement("span");
  top.tabIndex = -1;
  document.body.prepend(top);
  top.focus({ preventScroll: true });
  top.remove();
})()`

// walkedScript returns what is wrong with the walk so far.
const walkedScript = `(() => {
  const { usable, reached, unseen } = window.walk;
  const html = (el) => el.outerHTML.slice(0, 120);
  const faults = usable.filter((el) => !reached.includes(el)).map((el) => "not reached: " + html(el));
  faults.push(...unseen.map((el) => "the focus is not seen on: " + html(el)));
  const order = usable.filter((el) => reached.includes(el));
  const first = reached.filter((el, i) => usable.includes(el) && reached.indexOf(el) === i);
  const at = order.findIndex((el, i) => el !== first[i]);
  if (at >= 0) faults.push("out of order: " + html(first[at]) + " before " + html(order[at]));
  return faults;
})()`

// walkable checks that the Tab key leads to all that can be worked with, in the page's order, and that one sees where
// it is. Some fields have several stops, and boxes that scroll are stops by themselves, so it may take more steps than
// there are elements.
func (b tab) walkable() {
	b.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](topScript))
	steps := outcome(b, chromedp.Evaluate[int](walkScript))
	var faults []string
	for range 4 {
		b.press(strings.Repeat(kb.Tab, steps))
		faults = outcome(b, chromedp.Evaluate[[]string](walkedScript))
		if len(faults) == 0 {
			break
		}
	}
	b.report(faults)
}

// skips checks the link that passes by the navigation.
func (b tab) skips() {
	b.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](topScript))
	b.press(kb.Tab)
	require.Equal(b, "skip", outcome(b, chromedp.Evaluate[string](`document.activeElement.className`)), b.path())
	b.press(kb.Enter)
	b.press(kb.Tab)
	require.True(b, outcome(b, chromedp.Evaluate[bool](`document.activeElement.closest("main") !== null`)), b.path())
}
