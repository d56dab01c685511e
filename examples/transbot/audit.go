package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
)

// auditName is the name that checkpoints are signed with.
const auditName = "transbot"

// book is the audit log, with what it is verified by.
type book struct {
	log    *audit.Log
	signer *audit.Signer     // nil: nobody vouches for the log
	anchor *audit.FileAnchor // nil: checkpoints are kept in the database alone
}

// newBook returns the log. Its key comes from the environment, or is made once and kept beside the private Postgres;
// with a database of the host's and no key, records are sealed and not signed.
func newBook(pool *pgxpool.Pool, c config, logger *slog.Logger) (*book, error) {
	b := &book{}
	o := &audit.Options{SealEvery: time.Second, CheckpointEvery: 10 * time.Second, Logger: logger}
	seed, err := c.auditSeed()
	if err != nil {
		return nil, err
	}
	if seed != nil {
		if b.signer, err = audit.NewSigner(auditName, seed); err != nil {
			return nil, err
		}
		o.Signer = b.signer
	}
	if path := c.anchorFile(); path != "" && b.signer != nil {
		b.anchor = audit.NewFileAnchor(path)
		o.Anchors = map[string]audit.Anchor{"file": b.anchor}
	}
	b.log = audit.NewLog(auditpg.New(pool, nil), o)
	return b, nil
}

// recorder makes the recorder of a transaction: what changed and the record of it are one.
func (b *book) recorder(tx pgx.Tx) tenon.Recorder { return b.log.WithStore(auditpg.New(tx, nil)) }

// anchorFile returns where checkpoints are kept outside of the database; "" is nowhere.
func (c config) anchorFile() string {
	if c.auditAnchor == "" && c.databaseURL == "" {
		return filepath.Join(filepath.Dir(c.data), filepath.Base(c.data)+"-audit", "checkpoints")
	}
	return c.auditAnchor
}

// seedSize is the length of a signer's seed, in bytes.
const seedSize = 32

var errAuditKey = fmt.Errorf("TRANSBOT_AUDIT_KEY is not %d bytes in base64", seedSize)

// auditSeed returns the seed of the signer's key; nil where there is none.
func (c config) auditSeed() ([]byte, error) {
	if c.auditKey != "" {
		seed, err := base64.StdEncoding.DecodeString(c.auditKey)
		if err != nil || len(seed) != seedSize {
			return nil, errAuditKey
		}
		return seed, nil
	}
	if c.databaseURL != "" {
		return nil, nil
	}
	return keptSeed(filepath.Join(filepath.Dir(c.data), filepath.Base(c.data)+"-audit", "key"))
}

// keptSeed reads a seed, or makes one.
func keptSeed(path string) ([]byte, error) {
	seed, err := os.ReadFile(path)
	switch {
	case err == nil && len(seed) == seedSize:
		return seed, nil
	case err == nil:
		return nil, fmt.Errorf("%s: not a key", path)
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	seed = make([]byte, seedSize)
	rand.Read(seed) // never fails
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return seed, os.WriteFile(path, seed, 0o600)
}
