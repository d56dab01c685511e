package traffic

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
)

// Kind is a kind of request.
type Kind string

// The kinds, in the order in which they are shown.
const (
	NewQuote   Kind = "quote"
	Again      Kind = "quote, again"
	Reused     Kind = "quote, reused key"
	WrongLane  Kind = "quote, wrong lane"
	Job        Kind = "bulk"
	JobAgain   Kind = "bulk, again"
	Step       Kind = "progress"
	ListQuotes Kind = "list of quotes"
	OneQuote   Kind = "one quote"
	Stranger   Kind = "another's quote"
	Ask        Kind = "what may I"
	Events     Kind = "events"
	Ticket     Kind = "ticket"
	Partners   Kind = "partners"
)

// Kinds are all of them.
var Kinds = []Kind{
	NewQuote, Again, Reused, WrongLane, Job, JobAgain, Step, ListQuotes, OneQuote, Stranger, Ask, Events, Ticket, Partners,
}

// request is what is asked of the service.
type request struct {
	kind   Kind
	tenant *Tenant
	path   string
	body   string // JSON of a POST; empty is a GET
	key    string // for Idempotency-Key
	about  string // the id of a quote, the name of an event, the words of a ticket
	step   int    // of a quote that moves
	turn   int    // above 0: it is asked again, with one of the other keys
}

func (r request) method() string {
	if r.body == "" {
		return http.MethodGet
	}
	return http.MethodPost
}

// metered says whether the call counts against the API access.
func (r request) metered() bool {
	return r.tenant.has(Access) && strings.HasPrefix(r.path, "/api/quotes")
}

// mix is how many of a hundred requests are of a kind.
var mix = []struct {
	share int
	draw  func(*draw) request
}{
	{40, (*draw).quote},
	{8, (*draw).again},
	{2, (*draw).reused},
	{5, (*draw).wrongLane},
	{4, (*draw).job},
	{1, (*draw).jobAgain},
	{13, (*draw).step},
	{4, (*draw).list},
	{4, (*draw).one},
	{1, (*draw).stranger},
	{9, (*draw).ask},
	{4, (*draw).events},
	{2, (*draw).ticket},
	{3, (*draw).partners},
}

// draw draws one request. The same number of the same seed draws the same, as far as it does not build on answers.
type draw struct {
	*rand.Rand
	n      uint64
	tenant *Tenant
	others []*Tenant
}

func (d *draw) request() request {
	left := d.IntN(100)
	for _, m := range mix {
		if left -= m.share; left < 0 {
			r := m.draw(d)
			r.tenant = d.tenant
			return r
		}
	}
	return d.ask()
}

var places = []string{
	"Atlanta, GA", "Boston, MA", "Chicago, IL", "Dallas, TX", "Denver, CO", "Houston, TX", "Memphis, TN", "Reno, NV", "Seattle, WA",
}

// lane draws one that can be rated.
func (d *draw) lane() string {
	i := d.Perm(len(places))
	return fmt.Sprintf(`{"origin": %q, "destination": %q, "weight_kg": %d, "pallets": %d}`,
		places[i[0]], places[i[1]], 100+d.IntN(19_000), d.IntN(27))
}

func (d *draw) wrong() string {
	return fmt.Sprintf(`{"origin": "Atlantis", "destination": %q, "weight_kg": %d}`, places[d.IntN(len(places))], 1+d.IntN(20_000))
}

func (d *draw) quote() request {
	return request{kind: NewQuote, path: "/api/quotes", body: d.lane(), key: fmt.Sprintf("q-%d", d.n)}
}

func (d *draw) wrongLane() request {
	return request{kind: WrongLane, path: "/api/quotes", body: d.wrong(), key: fmt.Sprintf("w-%d", d.n)}
}

// again repeats a request whose answer is known.
func (d *draw) again() request {
	key, body := d.tenant.earlier(d.Rand, "q-")
	if key == "" {
		return d.quote()
	}
	return request{kind: Again, path: "/api/quotes", body: body, key: key}
}

func (d *draw) reused() request {
	key, _ := d.tenant.earlier(d.Rand, "q-")
	if key == "" {
		return d.quote()
	}
	return request{kind: Reused, path: "/api/quotes", body: d.lane(), key: key}
}

func (d *draw) job() request {
	lanes := make([]string, 1+d.IntN(5))
	for i := range lanes {
		if lanes[i] = d.lane(); d.IntN(6) == 0 {
			lanes[i] = d.wrong()
		}
	}
	body := `{"lanes": [` + strings.Join(lanes, ", ") + `]}`
	return request{kind: Job, path: "/api/quotes/bulk", body: body, key: fmt.Sprintf("j-%d", d.n)}
}

func (d *draw) jobAgain() request {
	key, body := d.tenant.earlier(d.Rand, "j-")
	if key == "" {
		return d.job()
	}
	return request{kind: JobAgain, path: "/api/quotes/bulk", body: body, key: key}
}

var steps = []string{"", "send", "accept", "book"}

// step mostly asks for the one that comes next.
func (d *draw) step() request {
	id, step := d.tenant.some(d.Rand)
	if id == "" {
		return d.quote()
	}
	if step++; d.IntN(8) == 0 {
		step = 1 + d.IntN(3)
	}
	step = min(step, 3)
	return request{kind: Step, path: "/api/quotes/" + id + "/" + steps[step], body: `{}`, about: id, step: step}
}

func (d *draw) list() request { return request{kind: ListQuotes, path: "/api/quotes"} }

func (d *draw) one() request {
	id, _ := d.tenant.some(d.Rand)
	if id == "" {
		return d.list()
	}
	return request{kind: OneQuote, path: "/api/quotes/" + id, about: id}
}

// stranger asks for a quote of another company, which is not there.
func (d *draw) stranger() request {
	other := d.others[d.IntN(len(d.others))]
	id, _ := other.some(d.Rand)
	if id == "" || other == d.tenant {
		return d.list()
	}
	return request{kind: Stranger, path: "/api/quotes/" + id}
}

func (d *draw) ask() request {
	paths := []string{
		"/api/entitlements/rates", "/api/entitlements", "/api/limits/rates", "/api/flags/bulk_rating", "/api/flags", "/api/slo/current",
	}
	return request{kind: Ask, path: paths[d.IntN(len(paths))]}
}

// events tells that a partner was invited; now and then what was told before.
func (d *draw) events() request {
	n := d.n
	if d.IntN(4) == 0 {
		n -= n % 50 // somebody else's number: told by whoever comes first
	}
	name := fmt.Sprintf("i-%d", n)
	const one = `{"events": [{"event": "directory_invited", "id": %q, "properties": {"partner_id": %q, "partner_type": "carrier"}}]}`
	body := fmt.Sprintf(one, name, name)
	return request{kind: Events, path: "/api/events", body: body, about: name}
}

func (d *draw) ticket() request {
	words := fmt.Sprintf("Load %d is late", d.n)
	body, _ := json.Marshal(map[string]string{"priority": []string{"P1", "P2", "P3"}[d.IntN(3)], "issue": words}) // of strings alone
	return request{kind: Ticket, path: "/api/support/tickets", body: string(body), about: words}
}

func (d *draw) partners() request {
	paths := []string{"/api/partners?q=cold", "/api/partners?q=freight&limit=5", "/api/partners?service=reefer&facet=regions"}
	return request{kind: Partners, path: paths[d.IntN(len(paths))]}
}

// earlier returns a request whose answer is known, by the beginning of its key; empty when there is none.
func (t *Tenant) earlier(r *rand.Rand, prefix string) (key, body string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.told.keys[prefix]
	if len(list) == 0 {
		return "", ""
	}
	key = list[r.IntN(len(list))]
	return key, t.told.byKey[key].body
}

// some returns one of the latest quotes, and how far it has come.
func (t *Tenant) some(r *rand.Rand) (id string, step int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.told.made) == 0 {
		return "", 0
	}
	latest := t.told.made[max(0, len(t.told.made)-8):]
	id = latest[r.IntN(len(latest))]
	return id, t.told.Quotes[id].Step
}
