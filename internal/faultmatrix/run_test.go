package faultmatrix_test

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
)

// runner is what works in the background.
type runner interface {
	Run(ctx context.Context) error
}

// runs returns a line's work that nobody calls: it is done when the query says so, however often it breaks meanwhile.
func runs(doneSQL string, open func(pgtest.Handle) runner) work {
	return func(s *stage, db pgtest.Handle) error {
		ctx, cancel := context.WithCancel(s.ctx())
		ended := make(chan error, 1)
		go func() { ended <- open(db).Run(ctx) }()
		require.Eventually(s.t, func() bool {
			var done bool
			return s.pool.QueryRow(s.ctx(), doneSQL).Scan(&done) == nil && done
		}, time.Minute, time.Millisecond)
		cancel()
		return <-ended
	}
}
