package freight

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/transbotai/tenon"
)

// Session is who is signed in to the pages.
type Session struct {
	Company string // empty: a person of the platform's own staff
	Actor   string
}

const insertSession = `
with expired as (
  delete from public.sessions
  where expires_at <= now()
)
insert into public.sessions (hash, company_id, actor, expires_at)
values ($1, nullif($2, ''), $3, now() + $4)`

// OpenSession starts a session and returns its secret, of which the hash alone is kept.
func (s *Store) OpenSession(ctx context.Context, who Session, length time.Duration) (token string, err error) {
	token = rand.Text()
	_, err = exec(ctx, s.db, insertSession, KeyHash(token), who.Company, who.Actor, length)
	return token, err
}

const deleteSession = `
delete from public.sessions
where hash = $1`

// EndSession ends a session. One that is not there is not an error.
func (s *Store) EndSession(ctx context.Context, token string) error {
	_, err := exec(ctx, s.db, deleteSession, KeyHash(token))
	return err
}

const selectSession = `
select coalesce(s.company_id, ''), s.actor
from public.sessions s
left join public.companies c on c.id = s.company_id
where s.hash = $1
  and s.expires_at > now()
  and c.deleted_at is null`

// FindSession returns who is signed in; [tenon.ErrDenied] for a session that is unknown, ended or expired.
func (s *Store) FindSession(ctx context.Context, token string) (Session, error) {
	who, err := one[Session](ctx, s.db, selectSession, KeyHash(token))
	if errors.Is(err, tenon.ErrNotFound) {
		err = tenon.ErrDenied
	}
	return who, err
}
