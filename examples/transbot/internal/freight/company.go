package freight

import (
	"context"
	"time"
)

// Company is a customer of the platform. Its ID is its slug, and the tenant of everything that is counted for it.
type Company struct {
	ID        string
	Name      string
	Kind      string // shipper, broker or carrier
	City      string
	CreatedAt time.Time
}

const selectCompany = `
select id, name, kind, city, created_at
from public.companies
where id = $1
  and deleted_at is null`

// Company returns a company; [tenon.ErrNotFound] when there is none, or it was deleted.
func (s *Store) Company(ctx context.Context, id string) (Company, error) {
	return one[Company](ctx, s.db, selectCompany, id)
}

const findCompanies = `
select id, name, kind, city, created_at
from public.companies
where deleted_at is null
  and ($1 = '' or strpos(lower(name), lower($1)) > 0 or id = $1)
order by name, id
limit $2`

// FindCompanies returns at most limit companies that have a text in their name, by name.
func (s *Store) FindCompanies(ctx context.Context, text string, limit int) ([]Company, error) {
	return all[Company](ctx, s.db, findCompanies, text, limit)
}

// Companies returns at most limit companies, by name.
func (s *Store) Companies(ctx context.Context, limit int) ([]Company, error) {
	return s.FindCompanies(ctx, "", limit)
}

const insertCompany = `
insert into public.companies (id, name, kind, city, created_at)
values ($1, $2, $3, $4, $5)
on conflict (id) do nothing`

// AddCompany adds c, and returns false when there is one with its ID already.
func (s *Store) AddCompany(ctx context.Context, c Company) (bool, error) {
	n, err := exec(ctx, s.db, insertCompany, c.ID, c.Name, c.Kind, c.City, c.CreatedAt)
	return n == 1, err
}

// User is a person who works for a company.
type User struct {
	CompanyID string
	ID        string
	Name      string
	Email     string
	Role      string // owner, dispatcher or viewer
	CreatedAt time.Time
}

const insertUser = `
insert into public.users (company_id, id, name, email, role, created_at)
values ($1, $2, $3, $4, $5, $6)`

// AddUser adds u.
func (s *Store) AddUser(ctx context.Context, u User) error {
	_, err := exec(ctx, s.db, insertUser, u.CompanyID, u.ID, u.Name, u.Email, u.Role, u.CreatedAt)
	return err
}
