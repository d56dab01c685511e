package entitlementstest

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"time"
)

// addPages adds the pages that people see: the one that a checkout is paid on, and the portal. Whoever knows the address
// may use them, as with Stripe's own.
func (b *Biller) addPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /pay/{id}", b.payPage)
	mux.HandleFunc("POST /pay/{id}", b.payForm)
	mux.HandleFunc("GET /portal/{id}", b.portalPage)
	mux.HandleFunc("POST /portal/{id}", b.portalForm)
}

// pageView is what a page shows.
type pageView struct {
	Title, Alert, Back string
	Lines              []pageLine // of a checkout
	Total, Trial       string
	Subs               []pageSub // of the portal
	Invoices           []pageInvoice
	Declines, HasCard  bool
}

type pageLine struct {
	Name   string
	Count  int64
	Amount string
}

type pageSub struct {
	ID, Status, Until string
	Ends              bool
}

type pageInvoice struct{ ID, Date, Amount, Status string }

func (b *Biller) payPage(w http.ResponseWriter, r *http.Request) { b.showPay(w, r, http.StatusOK, "") }

func (b *Biller) showPay(w http.ResponseWriter, r *http.Request, status int, alert string) {
	defer b.enter()()
	cs, ok := b.things[r.PathValue("id")].(*checkout)
	if !ok || cs.status != statusOpen {
		showPage(w, http.StatusNotFound, pageView{Title: "This page is no longer here", Alert: "The checkout was paid, or it is too old."})
		return
	}
	v := pageView{Title: "Subscribe", Alert: alert, Back: cs.cancel}
	var total int64
	for _, i := range cs.items {
		total += i.price.amount * i.quantity
		v.Lines = append(v.Lines, pageLine{b.priceName(i.price), i.quantity, money(i.price.amount*i.quantity, i.price.currency)})
		v.Total = money(total, i.price.currency) + " a " + i.price.interval
	}
	if !cs.trialEnd.IsZero() {
		v.Trial = "Nothing is paid until " + cs.trialEnd.Format("2 January 2006") + "."
	}
	showPage(w, status, v)
}

func (b *Biller) payForm(w http.ResponseWriter, r *http.Request) {
	id, pays := r.PathValue("id"), r.PostFormValue("card") != "declined"
	if !b.PayCheckout(id, pays) || !pays {
		b.showPay(w, r, http.StatusPaymentRequired, "The card was declined. Nothing was bought.")
		return
	}
	leave := b.enter()
	back := b.things[id].(*checkout).success
	leave()
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func (b *Biller) priceName(p *price) string {
	name := p.id
	if of, ok := b.things[p.product].(*product); ok {
		name = of.name
	}
	return name
}

func (b *Biller) portalPage(w http.ResponseWriter, r *http.Request) {
	defer b.enter()()
	p, ok := b.things[r.PathValue("id")].(*portal)
	if !ok {
		showPage(w, http.StatusNotFound, pageView{Title: "This page is no longer here"})
		return
	}
	c, hasCard := b.cards[p.customer]
	v := pageView{Title: "Your subscription", Back: p.back, Declines: c.declines, HasCard: hasCard}
	for _, s := range each[*subscription](b, "subscriptions") {
		if s.customer == p.customer {
			v.Subs = append(v.Subs, pageSub{s.id, s.status, s.periodEnd.Format("2 January 2006"), !s.cancelAt.IsZero()})
		}
	}
	for _, inv := range each[*invoice](b, "invoices") {
		if inv.customer == p.customer {
			v.Invoices = append(v.Invoices, pageInvoice{inv.id, inv.created.Format("2 January 2006"), money(inv.amount(), inv.currency), inv.status})
		}
	}
	showPage(w, http.StatusOK, v)
}

// portalForm does what a customer asks for: another card, an end, or taking the end back.
func (b *Biller) portalForm(w http.ResponseWriter, r *http.Request) {
	b.askPortal(r.PathValue("id"), r.PostFormValue("do"), r.PostFormValue("subscription"))
	http.Redirect(w, r, r.URL.Path, http.StatusSeeOther)
}

func (b *Biller) askPortal(id, what, subscriptionID string) {
	defer b.enter()()
	p, ok := b.things[id].(*portal)
	if !ok {
		return
	}
	s, mine := b.things[subscriptionID].(*subscription)
	mine = mine && s.customer == p.customer && !s.over()
	switch {
	case what == "card" || what == "bad_card":
		b.cards[p.customer] = card{id: b.newID("pm"), declines: what == "bad_card"}
	case what == "cancel" && mine:
		b.change("customer.subscription.updated", s, func() {
			s.cancelAtEnd, s.cancelAt, s.canceledAt, s.reason = true, s.periodEnd, b.now, "cancellation_requested"
		})
	case what == "keep" && mine:
		b.change("customer.subscription.updated", s, func() {
			s.cancelAtEnd, s.cancelAt, s.canceledAt, s.reason = false, time.Time{}, time.Time{}, ""
		})
	}
}

// money writes an amount in minor units.
func money(minor int64, currency string) string {
	return fmt.Sprintf("%d.%02d %s", minor/100, minor%100, currency)
}

func showPage(w http.ResponseWriter, status int, v pageView) {
	var out bytes.Buffer
	if err := pages.Execute(&out, v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w)
}

var pages = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{.Title}} · a fake Stripe</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 38rem; margin: 0 auto; padding: 2rem 1rem; }
.fake { color: #6b5900; background: #fff3c4; padding: .5rem .75rem; border-radius: .5rem; }
.alert { color: #8a1f11; background: #fde8e4; padding: .5rem .75rem; border-radius: .5rem; }
table { width: 100%; border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; padding: .4rem .5rem; border-bottom: 1px solid #8885; }
td.number, th.number { text-align: right; }
form { display: flex; gap: .5rem; flex-wrap: wrap; margin: 1rem 0; }
button { font: inherit; padding: .5rem 1rem; border-radius: .5rem; border: 1px solid #635bff; background: #635bff; color: #fff; }
button.quiet { background: none; color: inherit; border-color: #8888; }
</style>
</head>
<body>
<p class="fake">This is a fake Stripe. No card is asked for, and nothing is paid.</p>
<h1>{{.Title}}</h1>
{{with .Alert}}<p class="alert" role="alert">{{.}}</p>{{end}}
{{if .Lines}}<table>
<thead><tr><th scope="col">What</th><th scope="col" class="number">How many</th><th scope="col" class="number">Amount</th></tr></thead>
<tbody>{{range .Lines}}<tr><th scope="row">{{.Name}}</th><td class="number">{{.Count}}</td><td class="number">{{.Amount}}</td></tr>{{end}}</tbody>
</table>
<p><strong>{{.Total}}</strong> {{.Trial}}</p>
<form method="post">
<button name="card" value="good">Pay with a good card</button>
<button name="card" value="declined" class="quiet">Try a card that is declined</button>
</form>{{end}}
{{range .Subs}}<h2>Subscription <small>{{.Status}}</small></h2>
<p>The period ends on {{.Until}}{{if .Ends}}, and the subscription with it{{end}}.</p>
<form method="post"><input type="hidden" name="subscription" value="{{.ID}}">
{{if .Ends}}<button name="do" value="keep">Keep the subscription</button>{{else}}<button name="do" value="cancel" class="quiet">Cancel at the period's end</button>{{end}}
</form>{{end}}
{{if .Subs}}<h2>Card</h2>
<p>{{if not .HasCard}}There is none.{{else if .Declines}}The present card is declined.{{else}}The present card pays.{{end}}</p>
<form method="post"><button name="do" value="card">Put a good card in</button><button name="do" value="bad_card" class="quiet">Put a card in that is declined</button></form>{{end}}
{{if .Invoices}}<h2>Invoices</h2>
<table><thead><tr><th scope="col">Date</th><th scope="col" class="number">Amount</th><th scope="col">Status</th></tr></thead>
<tbody>{{range .Invoices}}<tr><td>{{.Date}}</td><td class="number">{{.Amount}}</td><td>{{.Status}}</td></tr>{{end}}</tbody></table>{{end}}
{{with .Back}}<p><a href="{{.}}">Back</a></p>{{end}}
</body>
</html>
`))
