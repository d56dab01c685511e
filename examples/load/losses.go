package main

import (
	"time"

	"github.com/transbotai/tenon/examples/load/internal/agree"
	"github.com/transbotai/tenon/examples/load/internal/traffic"
)

// writtenWithin is how long what is written behind the answers may stay in an instance's memory while Postgres is there.
const writtenWithin = 5 * time.Second

// losses are the times in which what an instance answered may not have been written down: before it was killed, and as
// long before that as Postgres was away.
func (h *havoc) losses() []agree.Loss {
	var all []agree.Loss
	for _, t := range h.troubles {
		if t.instance < 0 || t.name() == "paused" {
			continue
		}
		from := t.From.Add(-writtenWithin)
		away := true
		for away { // the next one back may reach into it
			from, away = h.reach(from)
		}
		if t.kill || from.Before(t.From.Add(-writtenWithin)) {
			all = append(all, agree.Loss{House: t.instance, Gap: traffic.Gap{From: from, To: t.To}})
		}
	}
	return all
}

func (t trouble) name() string { return t.deed.name }

// reach returns how far back a time goes in which Postgres was away at from, or had just come back.
func (h *havoc) reach(from time.Time) (time.Time, bool) {
	for _, t := range h.troubles {
		if t.subject.name == "Postgres" && t.To.After(from) && t.From.Add(-writtenWithin).Before(from) {
			return t.From.Add(-writtenWithin), true
		}
	}
	return from, false
}

// away are the times in which rate limits let everything through.
func (h *havoc) away(now time.Time) []agree.Loss {
	var all []agree.Loss
	for i, instance := range h.platform.Instances {
		for _, span := range instance.Away() {
			if span.To.IsZero() {
				span.To = now
			}
			all = append(all, agree.Loss{House: i, Gap: traffic.Gap{From: span.From, To: span.To}})
		}
	}
	return all
}

// forgotten is when Redis lost what it knew.
func (h *havoc) forgotten() []time.Time {
	var all []time.Time
	for _, t := range h.troubles {
		if t.subject.name == "Redis" && t.kill {
			all = append(all, t.From)
		}
	}
	return all
}

// fill tells the book what the faults excuse.
func (h *havoc) fill(book *agree.Book) {
	if h.platform == nil {
		return
	}
	book.Shared = h.platform.Redis != nil
	book.Losses, book.Away, book.Forgotten = h.losses(), h.away(time.Now()), h.forgotten()
}
