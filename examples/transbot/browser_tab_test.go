package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// look is on what, and how, pages are looked at.
type look struct {
	size          string
	width, height int64
	dark          bool
}

func (l look) mode() string {
	if l.dark {
		return "dark"
	}
	return "light"
}

func (l look) phone() bool { return l.size == "phone" }

func (l look) emulate() chromedp.Action[chromedp.Void] {
	var options []chromedp.EmulateViewportOption
	if l.phone() {
		options = append(options, chromedp.EmulateMobile)
	}
	return chromedp.Steps(chromedp.EmulateViewport(l.width, l.height, options...), l.scheme())
}

// scheme turns the colours of the page that is shown, and of those that come, to light or dark.
func (l look) scheme() chromedp.Action[chromedp.Void] {
	scheme := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.mode()}}}
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, scheme)
		return err
	})
}

// tab is a person in front of a page of a site, in a browser that knows nothing of other tabs. Its methods fail the test
// when a page does not do what they wait for.
type tab struct {
	*testing.T
	site *site
	look look
	ctx  context.Context
	seen *seen

	mails string // the folder of the site's mails
	shots string // the folder for pictures
}

// open opens an empty tab.
func (c *chromium) open(t *testing.T, s *site, l look, mails string) tab {
	t.Helper()
	w := &seen{site: s.url}
	ctx, cancel := chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(w.event))
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx, l.emulate()))
	return tab{T: t, site: s, look: l, ctx: ctx, seen: w, mails: mails, shots: c.shots}
}

// in returns the same tab for another test, a step of the first.
func (b tab) in(t *testing.T) tab {
	b.T = t
	return b
}

// patience bounds each step.
const patience = time.Minute

// do runs steps.
func (b tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	b.fine(chromedp.Do(ctx, steps...), "")
}

// run returns what an action does.
func outcome[T any](b tab, a chromedp.Action[T]) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	b.fine(err, "")
	return v
}

// fine fails the test of an error, and says where it was.
func (b tab) fine(err error, what string) {
	b.Helper()
	if err != nil {
		require.NoError(b, err, "%s on %s", what, b.path())
	}
}

// path is where the tab is.
func (b tab) path() string {
	at, err := chromedp.Run(b.ctx, chromedp.Location())
	if err != nil {
		return err.Error()
	}
	return strings.TrimPrefix(at, b.site.url)
}

// visit opens a page by its address and returns the status of the answer. Who is told that the service is busy loads the
// page again.
func (b tab) visit(path string) (status int64) {
	b.Helper()
	require.Eventually(b, func() bool {
		if status = b.load(chromedp.Navigate(b.site.url + path)); status != http.StatusServiceUnavailable {
			return true
		}
		b.seen.take()
		return false
	}, 2*patience, 100*time.Millisecond, "%s is busy", path)
	return status
}

// load does what leads to another page, and returns its status when it is there.
func (b tab) load(steps ...chromedp.Action[chromedp.Void]) int64 {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	r, err := chromedp.RunResponse(ctx, steps...)
	b.fine(err, "no other page")
	require.NotNil(b, r, "no other page")
	return r.Status
}

// follow clicks what leads to another page, which must be there.
func (b tab) follow(selector string) {
	b.Helper()
	b.show(selector)
	require.Less(b, b.load(chromedp.Click(chromedp.CSS(selector))), int64(400), "where %s leads", selector)
}

// enter puts a text into a field, at once as a paste does, in the place of what it holds.
func (b tab) enter(selector, text string) {
	b.Helper()
	b.show(selector)
	field := chromedp.CSS(selector)
	b.do(chromedp.Focus(field), chromedp.Evaluate[chromedp.Void](`document.activeElement.select?.()`), paste(text))
}

func paste(text string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})
}

// choose selects an option by its value.
func (b tab) choose(selector, value string) {
	b.Helper()
	b.show(selector)
	b.do(chromedp.SetValue(chromedp.CSS(selector), value))
}

// send sends the form that a button belongs to: by Enter in one of its fields at a desk, and on a phone by the button.
func (b tab) send(field, button string) {
	b.Helper()
	if b.look.phone() || field == "" {
		b.follow(button)
		return
	}
	b.show(field)
	status := b.load(chromedp.Focus(chromedp.CSS(field)), chromedp.KeyEvent(kb.Enter))
	require.Less(b, status, int64(400), "where Enter in %s leads", field)
}

// press presses keys.
func (b tab) press(keys string) {
	b.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// show waits until something is on the page.
func (b tab) show(selector string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	b.fine(chromedp.Do(ctx, chromedp.WaitVisible(chromedp.CSS(selector))), "no "+selector)
}

// says waits until the text of something holds words.
func (b tab) says(selector, words string) {
	b.Helper()
	b.show(selector)
	require.Contains(b, outcome(b, chromedp.Text(chromedp.CSS(selector))), words, b.path())
}

// count returns how many there are of something.
func (b tab) count(selector string) int {
	b.Helper()
	return outcome(b, chromedp.Evaluate[int](`document.querySelectorAll(`+quoted(selector)+`).length`))
}

// wait waits until an expression of JavaScript holds.
func (b tab) wait(expression string) {
	b.Helper()
	b.do(chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(0)))
}

// signIn types a key, as whoever came for the first time.
func (b tab) signIn(key string) {
	b.Helper()
	b.visit("/signin")
	b.enter("#key", key)
	b.send("#key", "main form button")
	require.NotEqual(b, "/signin", b.path())
}

// seen is what a tab's pages did that nobody sees.
type seen struct {
	site   string
	mu     sync.Mutex
	faults []string
	calm   string // the address of a document that is meant to fail
}

// event takes note of what no page of ours may do: write errors, fail, or ask anybody else.
func (s *seen) event(ev any) {
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		s.add("exception: " + ev.ExceptionDetails.Text + " " + description(ev.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeWarning {
			s.add("console: " + string(ev.Args[0].Value))
		}
	case *cdplog.EventEntryAdded:
		if ev.Entry.Level == cdplog.EntryLevelError || ev.Entry.Level == cdplog.EntryLevelWarning {
			s.addFor(ev.Entry.URL, "log: "+ev.Entry.Text+" "+ev.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		s.asked(ev.Request.URL)
	case *network.EventResponseReceived:
		if ev.Response.Status >= 400 {
			s.addFor(ev.Response.URL, "status: "+ev.Response.StatusText+" "+ev.Response.URL)
		}
	case *network.EventLoadingFailed:
		if !ev.Canceled {
			s.add("failed: " + ev.ErrorText)
		}
	}
}

// asked takes note of a request to anybody else. What is in the page or the browser itself, such as the picture in a field
// for dates, is no request.
func (s *seen) asked(address string) {
	at, err := url.Parse(address)
	if own := err == nil && (at.Scheme == "data" || at.Scheme+"://"+at.Host == s.site); !own {
		s.add("asks another host: " + address)
	}
}

func (s *seen) addFor(address, fault string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calm == "" || address != s.calm {
		s.faults = append(s.faults, fault)
	}
}

func (s *seen) add(fault string) { s.addFor("", fault) }

// expect says that a document is meant to fail.
func (s *seen) expect(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calm = address
}

// take returns what was seen so far, once.
func (s *seen) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.faults
	s.faults = nil
	return all
}

// description says what an object is; "" for none.
func description(o *runtime.RemoteObject) string {
	if o == nil {
		return ""
	}
	return o.Description
}
