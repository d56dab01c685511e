package migrations

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Pending is a file that [Apply] would apply.
type Pending struct {
	Set           string
	Version       int
	File          string
	Breaking      bool // binaries that do not know this version will refuse to start
	NoTransaction bool // needs a direct connection and leaves its work half done when it is interrupted
}

// Plan returns what [Apply] would apply, in that order, and the errors that it would find in what was applied. It
// changes nothing. An empty result means that the database is up to date.
func Plan(ctx context.Context, conn *pgx.Conn, sets ...Set) ([]Pending, error) {
	todo, err := plan(ctx, conn, sets)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	var ps []Pending
	for _, m := range todo {
		ps = append(ps, Pending{m.set, m.version, m.up.name, m.up.breaking, m.up.noTransaction})
	}
	return ps, nil
}

func plan(ctx context.Context, conn *pgx.Conn, sets []Set) ([]migration, error) {
	l, err := loadAll(sets)
	if err != nil {
		return nil, err
	}
	exists, err := one[bool](ctx, conn, hasLedger)
	if err != nil {
		return nil, err
	}
	if exists {
		return pending(ctx, conn, l)
	}
	var todo []migration
	for _, set := range l.names() {
		todo = append(todo, l[set]...)
	}
	return todo, nil
}

// names returns the sets in the order in which they are applied.
func (l loaded) names() []string {
	others := slices.Sorted(maps.Keys(l))
	others = slices.DeleteFunc(others, func(s string) bool { return s == Core.name })
	return append([]string{Core.name}, others...)
}
