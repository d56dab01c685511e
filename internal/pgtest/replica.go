package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// Replica starts a server that follows s by streaming its log, and answers what only reads (a hot standby). ctx bounds
// the start alone; the server ends with Stop, which must come before that of s.
func (s *Server) Replica(ctx context.Context) (*Server, error) {
	if s.external != "" {
		return nil, errExternal
	}
	r := &Server{port: socketPort, bin: s.bin, as: s.as}
	r.opts.Settings = map[string]string{
		"primary_conninfo": fmt.Sprintf("host=%s port=%d user=%s", s.Socket(), s.Port(), role),
	}
	if err := r.follow(ctx, s); err != nil {
		return nil, errors.Join(err, r.discard())
	}
	if err := r.launchOnce(ctx); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

// follow makes the folders and copies the other server's data.
func (s *Server) follow(ctx context.Context, other *Server) (err error) {
	if s.folder, err = newFolder(s.as, true); err != nil {
		return err
	}
	s.data = s.folder.data
	if err := other.backup(ctx, s.data); err != nil {
		return err
	}
	return s.folder.guard("QUIT", 50)
}

// backup copies the data of a running server into the folder dir, as it is to be for a standby: what was copied while it
// changed is put right by the log, which begins where the label says.
func (s *Server) backup(ctx context.Context, dir string) error {
	conn, err := pgx.Connect(ctx, s.socketURL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(ctx, "select pg_backup_start('replica', true)"); err != nil {
		return err
	}
	if err := runAs(ctx, s.as, "cp", "-a", s.data+"/.", dir); err != nil {
		return err
	}
	var label string
	if err := conn.QueryRow(ctx, "select labelfile from pg_backup_stop(false)").Scan(&label); err != nil {
		return err
	}
	for name, text := range map[string]string{"backup_label": label, "standby.signal": ""} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), s.as.own(path)); err != nil {
			return err
		}
	}
	return os.Remove(filepath.Join(dir, "postmaster.pid"))
}

// CaughtUp waits until a replica shows what the other server has written so far.
func (s *Server) CaughtUp(ctx context.Context, other *Server) error {
	var written string
	if err := ask(ctx, other, "select pg_current_wal_insert_lsn()::text", &written); err != nil {
		return err
	}
	for seen := false; !seen; {
		sql := "select pg_last_wal_replay_lsn() >= " + quoted(written) + "::pg_lsn"
		if err := ask(ctx, s, sql, &seen); err != nil {
			return err
		}
	}
	return nil
}

func quoted(text string) string { return "'" + text + "'" }

func ask(ctx context.Context, s *Server, sql string, answer any) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	return errors.Join(conn.QueryRow(ctx, sql).Scan(answer), conn.Close(ctx))
}
