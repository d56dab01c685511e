package migrations

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/transbotai/tenon"
)

// migration is one version of a set.
type migration struct {
	set      string
	version  int
	up, down script
}

// script is one file.
type script struct {
	name          string // empty when there is no such file
	checksum      string // sha256 in hex
	statements    []statement
	breaking      bool
	noTransaction bool
}

var fileName = regexp.MustCompile(`^(\d{1,9})_[a-z0-9_]+\.(up|down)\.sql$`)

// load reads the set's files, in order of version.
func (s Set) load() ([]migration, error) {
	if s.err != nil {
		return nil, s.err
	}
	if s.fsys == nil {
		return nil, tenon.Invalid("set", "the zero Set is not valid")
	}
	names, err := fs.Glob(s.fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	byVersion := map[int]*migration{}
	for _, name := range names {
		if err := s.add(byVersion, name); err != nil {
			return nil, err
		}
	}
	return s.inOrder(byVersion)
}

func (s Set) add(byVersion map[int]*migration, name string) error {
	parts := fileName.FindStringSubmatch(name)
	if parts == nil {
		return s.invalid(name, "is not named like 0001_init.up.sql")
	}
	version, _ := strconv.Atoi(parts[1]) // nine digits at most
	m := byVersion[version]
	if m == nil {
		m = &migration{set: s.name, version: version}
		byVersion[version] = m
	}
	target := &m.up
	if parts[2] == "down" {
		target = &m.down
	}
	if target.name != "" {
		return s.invalid(name, "has the version of "+target.name)
	}
	var err error
	*target, err = s.read(name)
	return err
}

func (s Set) inOrder(byVersion map[int]*migration) ([]migration, error) {
	ms := make([]migration, 0, len(byVersion))
	for _, m := range byVersion {
		ms = append(ms, *m)
	}
	slices.SortFunc(ms, func(a, b migration) int { return a.version - b.version })
	for i, m := range ms {
		if m.version != i+1 {
			return nil, tenon.Invalid("set", "%s has no version %d, but a version %d", s.name, i+1, m.version)
		}
		if m.up.name == "" {
			return nil, s.invalid(m.down.name, "has no up file")
		}
	}
	if len(ms) == 0 {
		return nil, tenon.Invalid("set", "%s has no files", s.name)
	}
	return ms, nil
}

// read reads one file. Its checksum does not depend on how a checkout ends lines.
func (s Set) read(name string) (script, error) {
	raw, err := fs.ReadFile(s.fsys, name)
	if err != nil {
		return script{}, fmt.Errorf("%s: %w", s.name, err)
	}
	text := strings.ReplaceAll(string(raw), "\r\n", "\n")
	sum := sha256.Sum256([]byte(text))
	sc := script{name: name, checksum: hex.EncodeToString(sum[:])}
	if err := sc.readMarks(text); err != nil {
		return script{}, s.invalid(name, err.Error())
	}
	sc.statements, err = split(text)
	if err != nil {
		return script{}, s.invalid(name, err.Error())
	}
	for _, st := range sc.statements {
		if word := firstWord(st.text); transactionWords[word] {
			return script{}, s.invalid(name, fmt.Sprintf("line %d: %q, but the runner begins and ends transactions", st.line, word))
		}
	}
	return sc, nil
}

// readMarks reads the comment lines that a file begins with.
func (sc *script) readMarks(text string) error {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\n")
		if line != "" && !strings.HasPrefix(line, "--") {
			break
		}
		mark, ok := strings.CutPrefix(line, "-- tenon:")
		switch {
		case !ok:
		case mark == "breaking":
			sc.breaking = true
		case mark == "no-transaction":
			sc.noTransaction = true
		default:
			return errors.New("unknown mark " + strconv.Quote(line))
		}
	}
	return nil
}

func (s Set) invalid(file, reason string) error {
	return tenon.Invalid("set", "%s/%s %s", s.name, file, reason)
}

var transactionWords = map[string]bool{
	"begin": true, "start": true, "commit": true, "end": true, "rollback": true, "abort": true, "prepare": true,
}
