package directorytest

import "context"

// limit is a plan that lists so many partners.
type limit int64

// Limit implements [directory.Limits].
func (l limit) Limit(context.Context, string) (int64, error) { return int64(l), nil }
