package traffic

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// hear takes note of an answer: what was promised, and what is not known.
func (t *Tenant) hear(q request, a answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told.count(q, a)
	if a.unknown() {
		t.told.doubt(q)
		return
	}
	if q.key != "" && t.told.byKey[q.key] == nil && q.kind != Reused && q.kind != WrongLane {
		t.told.byKey[q.key] = &asked{body: q.body}
	}
	if f := lessons[q.kind]; f != nil && a.status < 300 {
		if err := f(&t.told, q, a); err != nil {
			t.told.wrong("%s %s: %d: %v: %s", q.method(), q.path, a.status, err, a.body)
		}
	} else if err := expected(q, a); err != nil {
		t.told.wrong("%s %s: %d: %v: %s", q.method(), q.path, a.status, err, a.body)
	}
}

// maxWrong bounds how many contradictions are kept of a company: one is enough.
const maxWrong = 10

func (t *Told) wrong(format string, args ...any) {
	if len(t.Wrong) < maxWrong {
		t.Wrong = append(t.Wrong, fmt.Sprintf(format, args...))
	}
}

func (t *Told) count(q request, a answer) {
	if a.status == 0 {
		t.Silent[q.kind]++
		return
	}
	t.Calls = append(t.Calls, Call{
		Kind: q.kind, Status: a.status, Post: q.body != "", Metered: q.metered(), TooFast: a.tooFast(), Spare: q.turn > 0,
		Fresh: a.status == http.StatusCreated && strings.Contains(string(a.body), `"replayed":false`),
		Sent:  a.sent, Read: a.read, House: a.house,
	})
}

// doubt keeps what is to be asked again.
func (t *Told) doubt(q request) {
	t.Unknown++
	if q.metered() {
		t.UnknownMetered++
	}
	if q.body == "" {
		return
	}
	t.UnknownPosts++
	switch q.kind {
	case NewQuote, Again, Job, JobAgain, Step, Events, Ticket:
		if same := (sameness{q.path, q.key, q.about}); !t.doubted[same] {
			t.doubted[same] = true
			t.open = append(t.open, q)
		}
	}
}

// sameness tells requests apart that are to be asked again: once is enough.
type sameness struct{ path, key, about string }

// expected says what is wrong with an answer that promises nothing.
func expected(q request, a answer) error {
	switch {
	case a.status < 300 && (q.kind == Reused || q.kind == WrongLane || q.kind == Stranger):
		return fmt.Errorf("should have been refused")
	case a.status == http.StatusUnauthorized:
		return fmt.Errorf("does not know us")
	case a.status >= 400 && a.problem == "":
		return fmt.Errorf("is refused without a problem document")
	}
	return nil
}

// lessons are what answers that allow something say, by the kind of what was asked.
var lessons = map[Kind]func(*Told, request, answer) error{
	NewQuote: (*Told).quoted,
	Again:    (*Told).quoted,
	Job:      (*Told).worked,
	JobAgain: (*Told).worked,
	Step:     (*Told).moved,
	OneQuote: (*Told).shown,
	Events:   (*Told).taken,
	Ticket:   (*Told).opened,
}

func (t *Told) quoted(q request, a answer) error {
	var v struct {
		Quote    struct{ ID string }
		Replayed bool
	}
	if err := json.Unmarshal(a.body, &v); err != nil {
		return err
	}
	return t.keep(q.key, v.Quote.ID, v.Replayed, "", v.Quote.ID)
}

// keep takes note of what was made under a key: a quote, or a job with quotes.
func (t *Told) keep(key, id string, replayed bool, job string, quotes ...string) error {
	k := t.byKey[key]
	if k.id != "" {
		if k.id != id || !replayed {
			return fmt.Errorf("was %s under this key", k.id)
		}
		return nil
	}
	k.id = id
	t.keys[key[:2]] = append(t.keys[key[:2]], key)
	if job != "" {
		t.Jobs[job] = true
	}
	for _, quote := range quotes {
		if t.Quotes[quote] != nil {
			return fmt.Errorf("quote %s was made before", quote)
		}
		t.Quotes[quote] = &Quote{Bulk: job != ""}
		t.made = append(t.made, quote)
	}
	return nil
}

func (t *Told) worked(q request, a answer) error {
	var v struct {
		Job      string
		Replayed bool
		Quotes   []struct{ ID string }
	}
	if err := json.Unmarshal(a.body, &v); err != nil || v.Job == "" { // no lane could be rated: nothing was made
		return err
	}
	ids := make([]string, len(v.Quotes))
	for i, quote := range v.Quotes {
		ids[i] = quote.ID
	}
	return t.keep(q.key, v.Job, v.Replayed, v.Job, ids...)
}

// stepOf is what a status says of how far a quote has come.
var stepOf = map[string]int{"created": 0, "sent": 1, "accepted": 2, "booked": 3}

func (t *Told) moved(q request, a answer) error {
	step, err := status(a)
	if err == nil && step < q.step {
		err = fmt.Errorf("did not move")
	}
	if err == nil {
		t.Quotes[q.about].Step = max(t.Quotes[q.about].Step, step)
	}
	return err
}

func (t *Told) shown(_ request, a answer) error {
	_, err := status(a)
	return err
}

func status(a answer) (int, error) {
	var v struct{ Status string }
	err := json.Unmarshal(a.body, &v)
	step, ok := stepOf[v.Status]
	if err == nil && !ok {
		err = fmt.Errorf("status %q", v.Status)
	}
	return step, err
}

func (t *Told) taken(q request, a answer) error {
	if !strings.Contains(string(a.body), `"accepted"`) && !strings.Contains(string(a.body), `"duplicate"`) {
		return fmt.Errorf("was not taken in")
	}
	t.Events[q.about] = true
	return nil
}

func (t *Told) opened(q request, a answer) error {
	var v struct{ ID string }
	if err := json.Unmarshal(a.body, &v); err != nil {
		return err
	}
	if v.ID == "" || t.Tickets[q.about] != "" {
		return fmt.Errorf("was opened before")
	}
	t.Tickets[q.about] = v.ID
	return nil
}
