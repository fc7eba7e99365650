package pgtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// Failover makes a standby that replicates synchronously, kills the server, promotes the standby and goes on as that.
// It returns where the new primary listens. Connections to the old one are gone, commits are not.
func (s *Server) Failover(ctx context.Context) (addr string, err error) {
	if err := s.Database("postgres", func(db *sql.DB) error { return s.standby(ctx, db) }); err != nil {
		return "", fmt.Errorf("standby: %w", err)
	}
	err = s.Database("postgres", func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, `SELECT pg_promote()`)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("promote: %w", err)
	}
	return fmt.Sprintf("127.0.0.1:%d", s.port), nil
}

// Database opens one of the server's databases for a function.
func (s *Server) Database(name string, use func(*sql.DB) error) error {
	db, err := sql.Open("pgx", s.url(name))
	if err != nil {
		return err
	}
	return errors.Join(use(db), db.Close())
}

// standby copies the primary, has the copy follow it until no commit is missing, and replaces the primary by it.
func (s *Server) standby(ctx context.Context, primary *sql.DB) error {
	backup, postgres := program("pg_basebackup"), program("postgres")
	if backup == "" {
		return errMissing
	}
	dir, err := os.MkdirTemp(s.dir, "standby-")
	if err != nil {
		return err
	}
	as, err := unprivileged(dir)
	if err != nil {
		return err
	}
	data := filepath.Join(dir, "data")
	cmd := exec.CommandContext(
		ctx,
		backup,
		"-D",
		data,
		"-R",
		"-c",
		"fast",
		"--no-sync",
		"-h",
		"127.0.0.1",
		"-p",
		strconv.Itoa(s.port),
		"-U",
		"yaci",
	)
	cmd.SysProcAttr, cmd.Dir = process(as), dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	var said bytes.Buffer
	follower := exec.Command(postgres, serverArgs(data, port)...)
	follower.SysProcAttr = process(as)
	follower.Dir = dir
	follower.Stdout = &said
	follower.Stderr = &said
	if err := follower.Start(); err != nil {
		return err
	}
	if err := synchronous(ctx, primary); err != nil {
		follower.Process.Kill()
		follower.Wait()
		return fmt.Errorf("%w: %s", err, said.Bytes())
	}
	s.cmd.Process.Kill()
	s.cmd.Wait()
	s.cmd, s.port = follower, port
	return s.answers()
}

// synchronous waits until every commit of the primary waits for its standby.
func synchronous(ctx context.Context, primary *sql.DB) error {
	for _, query := range []string{`ALTER SYSTEM SET synchronous_standby_names = '*'`, `SELECT pg_reload_conf()`} {
		if _, err := primary.ExecContext(ctx, query); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		var n int
		err := primary.QueryRowContext(ctx, `SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'`).
			Scan(&n)
		if err != nil || n > 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
