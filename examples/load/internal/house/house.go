// Package house starts the platform as its operators would: instances of transbot, each a process, on one Postgres and
// one Redis. All of them can be killed and paused.
package house

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/internal/redistest"
)

// Options of [Open].
type Options struct {
	Instances int      // 0 means 1; several share their rate limits by a Redis
	Build     []string // further arguments of go build
	Log       io.Writer
	Settings  map[string]string // of Postgres
}

// House is the running platform.
type House struct {
	Postgres  *pgtest.Server
	Redis     *redistest.Server // nil: there is one instance
	Instances []*Instance

	dir  string
	seed string // of the audit log's key, which all instances share
}

// Open builds transbot, and starts it on a Postgres that keeps what it says through a power cut. It ends with Close, or
// with this process.
func Open(ctx context.Context, o Options) (*House, error) {
	h := &House{}
	err := h.open(ctx, o)
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *House) open(ctx context.Context, o Options) (err error) {
	if h.dir, err = os.MkdirTemp("", "transbot-load-"); err != nil {
		return err
	}
	program := filepath.Join(h.dir, "transbot")
	if err := build(ctx, program, o.Build); err != nil {
		return err
	}
	if h.Postgres, err = pgtest.Start(ctx, &pgtest.Options{Durable: true, Settings: o.Settings}); err != nil {
		return err
	}
	if o.Instances > 1 {
		if h.Redis, err = redistest.Start(ctx, nil); err != nil {
			return err
		}
	}
	seed := make([]byte, 32)
	rand.Read(seed) // never fails
	h.seed = base64.StdEncoding.EncodeToString(seed)
	for i := range max(o.Instances, 1) {
		instance := &Instance{program: program, env: h.env(i), log: o.Log}
		h.Instances = append(h.Instances, instance)
		if err := instance.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// build makes the program from the source that this one was made from.
func build(ctx context.Context, program string, more []string) error {
	args := append([]string{"build", "-o", program}, more...)
	out, err := exec.CommandContext(ctx, "go", append(args, "github.com/transbotai/tenon/examples/transbot")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	return nil
}

// env is what the i-th instance is told. Each keeps the checkpoints that it signs in a file of its own.
func (h *House) env(i int) []string {
	env := append(os.Environ(), "DATABASE_URL="+h.Postgres.URL("postgres"), "TRANSBOT_AUDIT_KEY="+h.seed,
		"TRANSBOT_AUDIT_ANCHOR="+filepath.Join(h.dir, fmt.Sprintf("checkpoints-%d", i)), "STRIPE_SECRET_KEY=", "REDIS_URL=")
	if h.Redis != nil {
		env = append(env, "REDIS_URL="+h.Redis.URL())
	}
	return env
}

// Addresses returns where the instances are.
func (h *House) Addresses() []string {
	all := make([]string, len(h.Instances))
	for i, instance := range h.Instances {
		all[i] = instance.Address
	}
	return all
}

// Close ends everything and removes what it kept.
func (h *House) Close() error {
	var errs []error
	for _, instance := range h.Instances {
		instance.Kill()
	}
	if h.Redis != nil {
		errs = append(errs, h.Redis.Stop())
	}
	if h.Postgres != nil {
		errs = append(errs, h.Postgres.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(h.dir))...)
}
