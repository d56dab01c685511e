package growth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// Link is what the link of a mail holds.
type Link struct {
	Lead  string
	Token string // 32 random bytes in base64
}

func newToken() (token string, hash []byte) {
	var b [32]byte
	rand.Read(b[:]) // never fails
	token = base64.RawURLEncoding.EncodeToString(b[:])
	return token, hashOf(token)
}

func hashOf(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// opens says whether the token is the one whose hash is kept. None opens a lead whose mail was not sent.
func (l Link) opens(hash []byte) bool {
	return subtle.ConstantTimeCompare(hashOf(l.Token), hash) == 1
}

const mintToken = `
update public.trial_leads l
set token_hash = $4, token_used_at = null, expires_at = now() + $5::interval
where id = $1
  and mails = $2
  and state = $3
returning email, lanes, state = 'asked' or ` + homeOfLead + ` is not null`

// deliver sends a mail with a new link. One whose lead is gone, has come further, or has a newer mail on the way, is of no
// use any more and is left out.
func (d *Desk) deliver(ctx context.Context, n tenon.Notification) error {
	number, err := strconv.Atoi(n.Data["number"])
	if err != nil || !isID(n.Data["lead"]) {
		return fmt.Errorf("growth: no mail: %w", tenon.ErrInvalid)
	}
	token, hash := newToken()
	m := Mail{Lead: n.Data["lead"], Number: number, At: time.Now()}
	state, lanes, opens := State(n.Data["state"]), 0, false
	err = d.db.QueryRow(ctx, mintToken, m.Lead, number, state, hash, LinkFor).Scan(&m.To, &lanes, &opens)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	m.Subject, m.Text = d.words(state, lanes, d.site+"/signup/"+m.Lead+"/"+token)
	if !opens {
		m.Subject, m.Text = closedSubject, closedText
	}
	return d.opts.Mailer.Send(ctx, m)
}

// What a mail says to an address that had its trial and has no account any more: a link would open nothing.
const (
	closedSubject = "About your trial of Trans Bot"
	closedText    = `Hello,

somebody asked for a free trial with this address. It had one before, and the
account that came of it is closed, or this address is none of its people's any
more. So there is no second trial, and no way in by this mail. If you would
like to come back, write to us. If it was not you who asked, do nothing.

Trans Bot
`
)

// words are what a mail says: to an address that is to be confirmed, or to one that is a customer's already.
func (d *Desk) words(state State, lanes int, link string) (subject, text string) {
	const end = `
%s

The link is good for 72 hours, and once. If you asked more than once, the
newest mail is the one that counts. If it was not you who asked, do nothing:
%s

Trans Bot
`
	if state == Confirmed {
		return "Your way into Trans Bot", fmt.Sprintf(`Hello,

somebody asked for a free trial with this address. It has an account with us
already, so there is no second trial. If you lost your key, this link lets you
in and gives you a new one:
`+end, link, "nothing changes, and nobody else gets in.")
	}
	lane := "lanes"
	if lanes == 1 {
		lane = "lane"
	}
	return "Start your free trial of Trans Bot", fmt.Sprintf(`Hello,

somebody, we hope you, asked for %d days of Trans Bot for %d %s. This link
confirms the address and starts the trial:
`+end, TrialDays, lanes, lane, link, "without the link there is no account, and we forget the address.")
}
