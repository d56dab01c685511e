package migrations

import (
	"embed"
	"io/fs"
	"regexp"

	"github.com/transbotai/tenon"
)

//go:embed */*.sql
var files embed.FS

// The sets that tenon brings. They are independent of each other, apart from Core, which [Apply] puts first by itself.
var (
	// Core is what the others stand on: the schema and its partitions.
	Core = embedded("core")
	// Audit is what package audit/auditpg needs.
	Audit = embedded("audit")
	// Directory is what package directory/directorypg needs.
	Directory = embedded("directory")
	// Entitlements is what package entitlements/entitlementspg needs.
	Entitlements = embedded("entitlements")
	// Flags is what package flags/flagspg needs.
	Flags = embedded("flags")
	// GDPR is what package gdpr/gdprpg needs.
	GDPR = embedded("gdpr")
	// KPI is what package kpi/kpipg needs.
	KPI = embedded("kpi")
	// Notify is what package notify/notifypg needs.
	Notify = embedded("notify")
	// Ratelimit is what package ratelimit/ratelimitpg needs.
	Ratelimit = embedded("ratelimit")
	// SLO is what package slo/slopg needs.
	SLO = embedded("slo")
	// Support is what package support/supportpg needs.
	Support = embedded("support")
)

// Set is the migrations of one package. The zero Set is not valid; see [NewSet].
type Set struct {
	name string
	fsys fs.FS
	err  error
}

// NewSet returns a set of a host's own. fsys holds the files at its root, named 0001_init.up.sql and
// 0001_init.down.sql, with versions that count from 1 without a gap; other names that end in .sql are refused, and what
// does not end in .sql is ignored. The name is what tenon.migrations records: lower case letters, digits and
// underscores, at most 40. A bad name or an odd file is reported by the call that uses the set, as a [tenon.ErrInvalid].
func NewSet(name string, fsys fs.FS) Set {
	s := Set{name: name, fsys: fsys}
	switch {
	case !setName.MatchString(name):
		s.err = tenon.Invalid("set", "%q is not of the form %s", name, setName)
	case name == Core.name:
		s.err = tenon.Invalid("set", "the name %q is taken", name)
	case fsys == nil:
		s.err = tenon.Invalid("set", "%s has no files", name)
	}
	return s
}

var setName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Name returns the name of the set, which is its folder's.
func (s Set) Name() string { return s.name }

// All returns every set that tenon brings, Core first.
func All() []Set {
	sets := []Set{Core}
	entries, _ := files.ReadDir(".") // of an embedded file system, which does not fail
	for _, e := range entries {
		if e.Name() != Core.name {
			sets = append(sets, embedded(e.Name()))
		}
	}
	return sets
}

// FS returns tenon's files, one folder per set, for a team that uses a tool of its own. The file names are those that
// golang-migrate reads; give each folder a version table of its own, and start with core. A file that begins with
// "-- tenon:no-transaction" must not be wrapped in a transaction; tenon's hold one statement each, since a tool may send
// a file as one message, which Postgres takes for a transaction.
func FS() fs.FS { return files }

func embedded(name string) Set {
	sub, err := fs.Sub(files, name)
	return Set{name: name, fsys: sub, err: err}
}
