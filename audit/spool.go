package audit

import (
	"context"

	"github.com/transbotai/tenon/internal/spool"
)

// newSpool returns where entries wait on disk. One that is stored twice is stored once, because it has its id.
func newSpool(dir string) *spool.Spool[Entry] { return spool.New[Entry](dir, ".audit") }

// replay stores all that lies in the folder, also what processes that died left there.
func (l *Log) replay(ctx context.Context) error {
	return l.spool.Replay(ctx, spool.Replayer[Entry]{
		Batch: l.options.Batch,
		Store: func(ctx context.Context, entries []Entry) ([]byte, error) { return nil, l.appendBatch(ctx, entries) },
		Aside: l.setAside,
	})
}

func (l *Log) setAside(file string, lines int) {
	l.stats.setAside.Add(int64(lines))
	l.options.Logger.Error("the spool holds lines that cannot be read", "kept", file)
}
