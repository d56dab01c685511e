package notifypg

import (
	"context"
	"encoding/json"

	"github.com/transbotai/tenon"
)

// maxPayload is less than the 8000 bytes that Postgres takes, whatever the server's encoding does to a name.
const maxPayload = 7900

// Channel returns a notifier that sends each notification, as JSON, to those who listen to a channel of Postgres, with
// pg_notify. What is too long for a payload, 7,900 bytes, goes without its text and data, and without its title when
// that is too long still. Who is not listening misses it: Notify succeeds when Postgres took it.
func Channel(db DB, channel string) tenon.Notifier { return sender{db, channel} }

type sender struct {
	db      DB
	channel string
}

const notifySQL = `
select pg_notify($1, $2)`

// Notify implements [tenon.Notifier].
func (s sender) Notify(ctx context.Context, n tenon.Notification) error {
	for _, shorten := range []func(){func() {}, func() { n.Text, n.Data = "", nil }, func() { n.Title = "" }} {
		shorten()
		payload, err := json.Marshal(n)
		if err != nil {
			return err
		}
		if len(payload) <= maxPayload {
			_, err = s.db.Exec(ctx, notifySQL, s.channel, string(payload))
			return translate(err)
		}
	}
	return tenon.Invalid("key", "does not fit a payload of %d bytes", maxPayload)
}
