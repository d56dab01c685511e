package gdprpg

import (
	"context"
	"errors"
	"io"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/gdpr"
)

// Files keeps exports in Postgres, where every instance reaches them. A large one is as large in the database, until it
// expires: then gdpr.NewDirFiles, or files of the host's own in an object store, are better.
type Files struct{ db DB }

var _ gdpr.Files = (*Files)(nil)

// NewFiles returns files on db.
func NewFiles(db DB) *Files { return &Files{db} }

// chunk is the size of the pieces of a file, in bytes.
const chunk = 256 << 10

const dropFileSQL = `
delete from tenon.gdpr_files
where tenant_id = $1
  and id = $2`

const putFileSQL = `
insert into tenon.gdpr_files (tenant_id, id, size)
values ($1, $2, 0)`

const putChunkSQL = `
insert into tenon.gdpr_file_chunks (tenant_id, id, seq, body)
values ($1, $2, $3, $4)`

const sizeFileSQL = `
update tenon.gdpr_files
set size = $3
where tenant_id = $1
  and id = $2`

// Put implements [gdpr.Files], in one transaction. A reader that can seek is read again when a race for locks was lost.
func (f *Files) Put(ctx context.Context, k gdpr.Key, r io.Reader) error {
	return inTx(ctx, f.db, func(tx pgx.Tx) error {
		if s, ok := r.(io.Seeker); ok {
			if _, err := s.Seek(0, io.SeekStart); err != nil {
				return err
			}
		}
		for _, sql := range []string{dropFileSQL, putFileSQL} {
			if _, err := tx.Exec(ctx, sql, k.Tenant, k.ID); err != nil {
				return err
			}
		}
		size, err := putChunks(ctx, tx, k, r)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, sizeFileSQL, k.Tenant, k.ID, size)
		return err
	})
}

func putChunks(ctx context.Context, tx pgx.Tx, k gdpr.Key, r io.Reader) (size int64, err error) {
	piece := make([]byte, chunk)
	for seq := 0; ; seq++ {
		n, err := io.ReadFull(r, piece)
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return size, err
		}
		if _, err := tx.Exec(ctx, putChunkSQL, k.Tenant, k.ID, seq, piece[:n]); err != nil {
			return size, err
		}
		size += int64(n)
		if n < chunk {
			return size, nil
		}
	}
}

// Remove implements [gdpr.Files].
func (f *Files) Remove(ctx context.Context, k gdpr.Key) error {
	_, err := f.db.Exec(ctx, dropFileSQL, k.Tenant, k.ID)
	return translate(err)
}

const openFileSQL = `
select size
from tenon.gdpr_files
where tenant_id = $1
  and id = $2`

// Open implements [gdpr.Files]. What it returns asks for a chunk at a time, holds no connection in between and needs not
// be closed; ctx bounds the reading.
func (f *Files) Open(ctx context.Context, k gdpr.Key) (io.ReadSeekCloser, error) {
	o := &openFile{ctx: ctx, db: f.db, key: k, held: -1}
	err := f.db.QueryRow(ctx, openFileSQL, k.Tenant, k.ID).Scan(&o.size)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, gdpr.ErrUnknownFile
	}
	if err != nil {
		return nil, translate(err)
	}
	return o, nil
}

// openFile is a file that somebody reads. It has one chunk in memory.
type openFile struct {
	ctx   context.Context
	db    DB
	key   gdpr.Key
	size  int64
	at    int64
	held  int64 // which chunk
	piece []byte
}

const readChunkSQL = `
select body
from tenon.gdpr_file_chunks
where tenant_id = $1
  and id = $2
  and seq = $3`

// Read implements [io.Reader].
func (o *openFile) Read(p []byte) (int, error) {
	if o.at >= o.size {
		return 0, io.EOF
	}
	if seq := o.at / chunk; seq != o.held {
		err := o.db.QueryRow(o.ctx, readChunkSQL, o.key.Tenant, o.key.ID, seq).Scan(&o.piece)
		if errors.Is(err, pgx.ErrNoRows) { // it has expired meanwhile
			return 0, gdpr.ErrUnknownFile
		}
		if err != nil {
			return 0, translate(err)
		}
		o.held = seq
	}
	n := copy(p, o.piece[o.at%chunk:])
	o.at += int64(n)
	return n, nil
}

var errSeek = errors.New("gdprpg: seek to before the beginning")

// Seek implements [io.Seeker].
func (o *openFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.size
	}
	if offset < 0 {
		return o.at, errSeek
	}
	o.at = offset
	return offset, nil
}

// Close implements [io.Closer].
func (o *openFile) Close() error { return nil }
