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

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/examples/transbot/internal/billing"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/insight"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/examples/transbot/internal/quoting"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/ratelimit"
)

// Config is what a [Server] works with. All of it is required but for what says otherwise.
type Config struct {
	Pool     *pgxpool.Pool
	Store    *entitlementspg.Store // on Pool
	Gate     *entitlements.Gate    // over Store
	Flags    *flags.Set            // says what is switched on for whom
	AdminKey string                // opens the staff's pages; empty: nobody can
	Ops      *ops.Desk             // counts what the service promises
	Drills   bool                  // the staff may break the service on purpose
	APILimit *ratelimit.Limiter    // of each API key
	HTTPS    bool                  // people reach the service by https, perhaps through a proxy
	Billing  *billing.Desk         // nil: nothing is sold
	Insight  *insight.Desk         // knows the business
	Logger   *slog.Logger

	SignInLimit *ratelimit.Limiter // of each address
}

// Server answers requests. It keeps nothing between them that another instance would need.
type Server struct {
	Config
	companies *freight.Store
	desk      *quoting.Desk
	adminHash [sha256.Size]byte
	stopping  atomic.Bool
}

// New returns a Server.
func New(c Config) *Server {
	return &Server{
		Config: c, companies: freight.NewStore(c.Pool), desk: quoting.NewDesk(c.Pool, c.Gate, c.Logger),
		adminHash: sha256.Sum256([]byte(c.AdminKey)),
	}
}

// Handler returns all routes.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthy)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /assets/", assets())
	mux.Handle("/api/", s.api())
	mux.Handle("/api/stripe/webhook", s.webhook())
	mux.Handle("/", s.pages())
	return s.careful(mux)
}

// Stop makes the service say that it is not ready, so that no new requests are sent its way.
func (s *Server) Stop() { s.stopping.Store(true) }

// healthy says that the process works. It asks nobody else: a restart would not mend a database that is away.
func healthy(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") }

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
