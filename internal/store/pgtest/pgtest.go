package pgtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver named pgx
)

// Server starts when the first test asks for a database. The zero value is ready.
type Server struct {
	start sync.Once
	err   error
	dir   string
	port  int
	cmd   *exec.Cmd
	made  int // databases
	mu    sync.Mutex
}

// errMissing says that this machine has no Postgres.
var errMissing = errors.New("no Postgres on this machine: apt-get install postgresql")

// URL is that of a new, empty database. Without Postgres on this machine the
// test is skipped.
func (s *Server) URL(t testing.TB) string {
	t.Helper()
	s.start.Do(func() { s.err = s.boot() })
	if errors.Is(s.err, errMissing) {
		t.Skip(s.err)
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	s.mu.Lock()
	s.made++
	name := "test" + strconv.Itoa(s.made)
	s.mu.Unlock()
	if err := s.exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.url(name)
}

// Stop ends the server, if it was started, and removes its files.
func (s *Server) Stop() error {
	var errs []error
	if s.cmd != nil {
		errs = append(errs, s.cmd.Process.Signal(syscall.SIGINT)) // ends connections, then itself
		s.cmd.Wait()
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

func (s *Server) url(database string) string {
	return fmt.Sprintf("postgres://yaci@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

func (s *Server) exec(ctx context.Context, query string) error {
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, query)
	return err
}

// boot makes a data directory and starts a server on it.
func (s *Server) boot() (err error) {
	initdb, postgres := program("initdb"), program("postgres")
	if initdb == "" || postgres == "" {
		return errMissing
	}
	if s.dir, err = os.MkdirTemp("", "yaci-postgres-"); err != nil {
		return err
	}
	as, err := unprivileged(s.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	cmd := exec.Command(
		initdb,
		"-D",
		data,
		"-U",
		"yaci",
		"-A",
		"trust",
		"-E",
		"UTF8",
		"--locale=C",
		"--no-sync",
		"--no-instructions",
	)
	cmd.SysProcAttr, cmd.Dir = process(as), s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	var said bytes.Buffer
	cmd = exec.Command(postgres, serverArgs(data, s.port)...)
	cmd.SysProcAttr = process(as)
	cmd.Dir = s.dir
	cmd.Stdout = &said
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd = cmd
	if err := s.answers(); err != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		s.cmd = nil
		return fmt.Errorf("%w: %s", err, said.Bytes())
	}
	return nil
}

func serverArgs(data string, port int) []string {
	return []string{
		"-D",
		data,
		"-p",
		strconv.Itoa(port),
		"-c",
		"listen_addresses=127.0.0.1",
		"-c",
		"unix_socket_directories=",
		"-c",
		"fsync=off",
		"-c",
		"full_page_writes=off",
		"-c",
		"shared_buffers=32MB",
		"-c",
		"max_connections=200",
	}
}

// answers waits until the server does.
func (s *Server) answers() error {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := s.exec(context.Background(), "SELECT 1")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("postgres does not answer: %w", err)
		}
	}
}

// program finds one of Postgres' own, which Debian does not put on the PATH.
func program(name string) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) > 0 {
		return found[len(found)-1]
	}
	path, _ := exec.LookPath(name)
	return path
}

// unprivileged gives a directory to somebody whom root can run Postgres as, since
// it refuses root. Others run it as themselves.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(nobody.Gid)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, uid, gid)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
