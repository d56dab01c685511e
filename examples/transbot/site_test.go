package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/internal/pgtest"
)

// TestMain lets the test program stand in for the program itself, for tests of the whole process.
func TestMain(m *testing.M) {
	if os.Getenv("TRANSBOT_TEST_MAIN") != "" {
		os.Exit(start())
	}
	os.Exit(m.Run())
}

const adminKey = "an admin key of the tests"

// site is a running platform on a database of its own.
type site struct {
	t     *testing.T
	url   string
	pool  *pgxpool.Pool
	gate  *entitlements.Gate // beside the program's own, over the same database
	flags *flags.Set         // likewise
	lines []string           // that it printed
	stop  context.CancelFunc
	ended chan error
	log   *syncBuffer
	mail  string // the folder of its mails
}

// newDatabase is one on which the platform has been started before.
func newDatabase(t *testing.T) string {
	t.Helper()
	return pgtest.Copy(t, "transbot", func(ctx context.Context, url string) error {
		settings, err := pgx.ParseConfig(url)
		if err != nil {
			return err
		}
		return migrate(ctx, settings)
	})
}

// newDemo is one that was filled with the demo, which takes a while, by a program that ended before it served anybody.
func newDemo(t *testing.T) string {
	t.Helper()
	return pgtest.Copy(t, "transbot demo", func(ctx context.Context, url string) error {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		env := func(name string) string { return map[string]string{"DATABASE_URL": url}[name] }
		err := run(ctx, []string{"-addr", "127.0.0.1:0", "-mail", t.TempDir(), "-demo"}, env, stopping(stop), io.Discard)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	})
}

// stopping is an output that stops what prints to it when it prints keys, which it does when all is filled.
type stopping func()

func (s stopping) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("export ")) {
		s()
	}
	return len(p), nil
}

// newSite starts the platform as main does. With -demo it finds the demo filled.
func newSite(t *testing.T, args ...string) *site {
	t.Helper()
	return newSiteWith(t, nil, args...)
}

// newSiteWith starts it with more in its environment.
func newSiteWith(t *testing.T, more map[string]string, args ...string) *site {
	t.Helper()
	fresh := newDatabase
	if slices.Contains(args, "-demo") {
		fresh = newDemo
	}
	database := fresh(t)
	env := func(name string) string {
		if value, ok := more[name]; ok {
			return value
		}
		return map[string]string{"DATABASE_URL": database, "TRANSBOT_ADMIN_KEY": adminKey}[name]
	}
	return begin(t, env, args...).connect(database)
}

// connect gives a site its own way to the database.
func (s *site) connect(database string) *site {
	s.t.Helper()
	pool, err := pgxpool.New(s.t.Context(), database)
	require.NoError(s.t, err)
	s.t.Cleanup(pool.Close)
	s.pool, s.gate = pool, entitlements.NewGate(entitlementspg.New(pool, nil), nil)
	s.flags = flags.NewSet(flagspg.New(pool, nil), nil)
	return s
}

// begin runs the program until the test ends and returns when it listens.
func begin(t *testing.T, env func(string) string, args ...string) *site {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, stdout := io.Pipe()
	s := &site{t: t, stop: stop, ended: make(chan error, 1)}
	var log syncBuffer
	s.log, s.mail = &log, t.TempDir()
	go func() {
		err := run(ctx, append([]string{"-addr", "127.0.0.1:0", "-partners", "2", "-mail", s.mail}, args...), env, stdout, &log)
		_ = stdout.Close()
		s.ended <- err
	}()
	t.Cleanup(func() {
		require.NoError(t, s.end(), log.String())
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for lines := bufio.NewScanner(out); s.url == "" && lines.Scan(); {
		s.lines = append(s.lines, lines.Text())
		if at, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			s.url = at
		}
	}
	require.NotEmpty(t, s.url, log.String())
	return s
}

// end stops the program and returns how it ended; again, it returns the same.
func (s *site) end() error {
	s.stop()
	select {
	case err := <-s.ended:
		s.ended <- err
		return err
	case <-time.After(30 * time.Second):
		return context.DeadlineExceeded
	}
}

// syncBuffer is a buffer for several writers.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// company adds a company on a plan, or on none, and returns a key of it.
func (s *site) company(id, plan string) (key string) {
	s.t.Helper()
	store, now := freight.NewStore(s.pool), time.Now()
	isNew, err := store.AddCompany(s.t.Context(), freight.Company{ID: id, Name: "The " + id + " company", Kind: "shipper", City: "Reno, NV", CreatedAt: now})
	require.NoError(s.t, err)
	require.True(s.t, isNew)
	if plan != "" {
		_, err = s.gate.Subscribe(s.t.Context(), entitlements.Subscription{Tenant: id, Plan: plan})
		require.NoError(s.t, err)
	}
	return s.key(freight.APIKey{CompanyID: id})
}

// key adds a key.
func (s *site) key(k freight.APIKey) string {
	s.t.Helper()
	key := freight.NewKey()
	k.ID, k.Name, k.Hash, k.CreatedAt = tenon.NewID(time.Now()), "test", freight.KeyHash(key), time.Now()
	require.NoError(s.t, freight.NewStore(s.pool).AddKey(s.t.Context(), k))
	return key
}

// uses takes units of a company's feature.
func (s *site) uses(company, feature string, n int64) {
	s.t.Helper()
	require.NoError(s.t, s.gate.Record(s.t.Context(), entitlements.Use{Tenant: company, Feature: feature, Quantity: n}))
}

// left returns used and held of a company's feature, as the database has them.
func (s *site) left(company, feature string) (used, held int64) {
	s.t.Helper()
	d, err := s.gate.WithStore(entitlementspg.New(s.pool, nil)).Check(s.t.Context(), company, feature)
	require.NoError(s.t, err)
	return d.Used, d.Held
}

func (s *site) requireUsed(company, feature string, want int64) {
	s.t.Helper()
	used, held := s.left(company, feature)
	require.Equal(s.t, want, used, "%s used", feature)
	require.Zero(s.t, held, "%s held", feature)
}

func (s *site) requireQuotes(company string, want int) {
	s.t.Helper()
	require.Equal(s.t, want, scan[int](s, "select count(*) from quotes where company_id = $1", company))
}

// scan returns one value from the database.
func scan[T any](s *site, sql string, args ...any) T {
	s.t.Helper()
	rows, err := s.pool.Query(s.t.Context(), sql, args...)
	require.NoError(s.t, err)
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	require.NoError(s.t, err)
	return v
}

// reply is an answer that was read.
type reply struct {
	status int
	header http.Header
	body   string
}

// field returns a value from a JSON body by its path: "rates.remaining".
func (r reply) field(t *testing.T, path string) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(r.body), &v), r.body)
	for name := range strings.SplitSeq(path, ".") {
		object, ok := v.(map[string]any)
		require.True(t, ok, "%s in %s", path, r.body)
		v = object[name]
	}
	return v
}

// ask sends an API request with a key; body is JSON, or empty for a GET.
func (s *site) ask(key, path, body string, headers ...string) reply {
	s.t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return s.do(http.DefaultClient, r)
}

func (s *site) do(client *http.Client, r *http.Request) reply {
	s.t.Helper()
	res, err := client.Do(r)
	require.NoError(s.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return reply{status: res.StatusCode, header: res.Header, body: string(body)}
}

// browser is a person's browser.
type browser struct {
	*site
	client *http.Client
}

// signIn opens a browser and signs in with a key.
func (s *site) signIn(key string) browser {
	s.t.Helper()
	b := s.browser()
	r := b.post("/signin", "key", key)
	require.Equal(s.t, http.StatusSeeOther, r.status, r.body)
	return b
}

func (s *site) browser() browser {
	jar, err := cookiejar.New(nil)
	require.NoError(s.t, err)
	return browser{s, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (b browser) get(path string) reply {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.url+path, nil)
	require.NoError(b.t, err)
	return b.do(b.client, r)
}

// post sends a form as it is given.
func (b browser) post(path string, fields ...string) reply {
	b.t.Helper()
	return b.postFrom("", path, fields...)
}

// postFrom sends a form that stands on another site's page, when origin is not empty.
func (b browser) postFrom(origin, path string, fields ...string) reply {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+path, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	return b.do(b.client, r)
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// csrf returns the token of the forms on a page.
func (b browser) csrf(path string) string {
	b.t.Helper()
	m := csrfField.FindStringSubmatch(b.get(path).body)
	require.NotNil(b.t, m, "no form on %s", path)
	return m[1]
}

// send sends a form of the page of a company.
func (b browser) send(company, form string, fields ...string) reply {
	b.t.Helper()
	page := "/companies/" + company
	return b.post(page+"/"+form, append(fields, "csrf", b.csrf(page))...)
}
