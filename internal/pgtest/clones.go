package pgtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/migrations"
)

// clones makes databases from templates.
type clones struct {
	token     uint32 // tells our databases from those of other processes on a server that is not ours
	mu        sync.Mutex
	count     int
	templates map[string]*template
}

// template is a database that is only copied.
type template struct {
	once sync.Once
	name string
	err  error
}

func (s *Server) clone(ctx context.Context, of string, fill func(context.Context, string) error) (string, error) {
	t, name := s.clones.next(of)
	t.once.Do(func() { t.err = s.fill(t.name, fill) })
	if t.err != nil {
		return "", t.err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return name, s.copy(ctx, name, t.name)
}

// copy makes a database like another. Copying files is several times faster than the default, which writes every page to
// the log.
func (s *Server) copy(ctx context.Context, name, from string) error {
	return s.admin(ctx, "create database "+name+" template "+from+" strategy file_copy")
}

// next returns the template of a name, yet to be filled at its first use, and the name of a new clone.
func (c *clones) next(of string) (*template, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.templates == nil {
		c.templates = map[string]*template{}
	}
	t := c.templates[of]
	if t == nil {
		t = &template{name: c.name("tpl", len(c.templates))}
		c.templates[of] = t
	}
	c.count++
	return t, c.name("db", c.count)
}

// another returns the name of a new clone.
func (c *clones) another() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	return c.name("db", c.count)
}

// namePrefix begins the names of all databases that this package makes.
const namePrefix = "tenon_test_"

func (c *clones) name(kind string, n int) string {
	return fmt.Sprintf("%s%08x_%s%d", namePrefix, c.token, kind, n)
}

// filling bounds what fills a template, which may be a program that makes up a year.
const filling = 5 * time.Minute

// fill makes a template. It has a context of its own: other tests wait for it too.
func (s *Server) fill(name string, fill func(context.Context, string) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), filling)
	defer cancel()
	if err := s.admin(ctx, "create database "+name); err != nil {
		return err
	}
	if err := fill(ctx, s.URL(name)); err != nil {
		return err
	}
	return s.admin(ctx, "alter database "+name+" with allow_connections false")
}

func apply(ctx context.Context, url string, sets []migrations.Set) error {
	if len(sets) == 0 {
		return nil
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return errors.Join(migrations.Apply(ctx, conn, sets...), conn.Close(ctx))
}

// admin runs one statement on the maintenance database. It connects each time, in two milliseconds: a pool's
// goroutines would belong to whichever test came first.
func (s *Server) admin(ctx context.Context, sql string) error {
	url := s.external
	if url == "" {
		url = s.URL("postgres")
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}
