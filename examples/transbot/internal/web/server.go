// Package web serves the platform: its API for companies' programs, and its pages for people.
package web

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/audit/audithttp"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/examples/transbot/internal/billing"
	"github.com/transbotai/tenon/examples/transbot/internal/control"
	"github.com/transbotai/tenon/examples/transbot/internal/evidence"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/growth"
	"github.com/transbotai/tenon/examples/transbot/internal/helpdesk"
	"github.com/transbotai/tenon/examples/transbot/internal/insight"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/examples/transbot/internal/partners"
	"github.com/transbotai/tenon/examples/transbot/internal/privacy"
	"github.com/transbotai/tenon/examples/transbot/internal/quoting"
	"github.com/transbotai/tenon/examples/transbot/internal/restore"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/ratelimit"
)

// Config is what a [Server] works with. All of it is required but for what says otherwise.
type Config struct {
	Pool     *pgxpool.Pool
	App      *pgxpool.Pool         // sees the company that its transaction names, and Pool every one
	Store    *entitlementspg.Store // on Pool
	Evidence *evidence.Desk        // who did what, and that companies are apart
	Gate     *entitlements.Gate    // over Store
	Flags    *flags.Set            // says what is switched on for whom
	AdminKey string                // opens the staff's pages; empty: nobody can
	Ops      *ops.Desk             // counts what the service promises
	Drills   bool                  // the staff may break the service on purpose
	APILimit *ratelimit.Limiter    // of each API key
	HTTPS    bool                  // people reach the service by https, perhaps through a proxy
	Billing  *billing.Desk         // nil: nothing is sold
	Partners *partners.Desk        // the partner directory
	Help     *helpdesk.Desk        // answers customers
	Privacy  *privacy.Desk         // hands companies their data and forgets them
	Insight  *insight.Desk         // knows the business
	Restore  *restore.Desk         // tries out whether everything can be restored
	Control  *control.Desk         // takes the platform through its launch
	Logger   *slog.Logger

	SignInLimit *ratelimit.Limiter // of each address
	PublicLimit *ratelimit.Limiter // of each address, on pages that nobody signs in for

	Growth     *growth.Desk       // takes trials in
	TrialLimit *ratelimit.Limiter // of each address that trials are asked from
	MailLimit  *ratelimit.Limiter // of each e-mail address that trials are asked for
}

// Server answers requests. It keeps nothing between them that another instance would need.
type Server struct {
	Config
	companies *freight.Store
	desk      *quoting.Desk
	adminHash [sha256.Size]byte
	stopping  atomic.Bool
	recorded  func(http.Handler) http.Handler // records what requests change
}

// New returns a Server.
func New(c Config) *Server {
	s := &Server{
		Config: c, companies: freight.NewStore(c.Pool), desk: quoting.NewDesk(c.Pool, c.App, c.Gate, c.Logger),
		adminHash: sha256.Sum256([]byte(c.AdminKey)),
	}
	s.recorded = audithttp.Record(c.Evidence.Log, recordOptions(c.Logger))
	return s
}

// Handler serves the [Routes].
func (s *Server) Handler() http.Handler {
	mux := s.mux(openRoutes())
	mux.Handle("/api/", s.serveAPI())
	mux.Handle("/", s.pages())
	return s.careful(mux)
}

// Stop makes the service say that it is not ready, so that no new requests are sent its way.
func (s *Server) Stop() { s.stopping.Store(true) }

// healthy says that the process works. It asks nobody else: a restart would not mend a database that is away.
func (*Server) healthy(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") }

var errStopping = errors.New("stopping")

// ready says whether requests should be sent here now.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	err := s.Pool.Ping(ctx)
	if s.stopping.Load() {
		err = errStopping
	}
	if err != nil {
		s.Logger.WarnContext(ctx, "not ready", "err", err)
		plain(w, http.StatusServiceUnavailable, "not ready\n")
		return
	}
	plain(w, http.StatusOK, "ready\n")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
