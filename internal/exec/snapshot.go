package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Snapshot is a working tree as one commit without parents.
type Snapshot struct {
	Commit string // full id
	Branch string // that is checked out; empty: none
	Repo   string // owner/name of the remote origin; local/DIRECTORY if there is none
	Pack   string // path of the git pack that has the commit
	Bytes  int64  // of the pack

	dir string
}

// Close deletes the pack.
func (s *Snapshot) Close() error { return os.RemoveAll(s.dir) }

// Take makes a snapshot of the repository around a directory: all files but the
// ignored ones. Its objects and its index are apart from the repository's.
func Take(ctx context.Context, dir string) (*Snapshot, error) {
	g := git{ctx: ctx, dir: dir}
	top, err := g.run(nil, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, fmt.Errorf("no working tree of git: %w", err)
	}
	s := &Snapshot{}
	if s.dir, err = os.MkdirTemp("", "yaci-exec-"); err != nil {
		return nil, err
	}
	g.dir = top
	if err := s.take(g); err != nil {
		return nil, errors.Join(fmt.Errorf("snapshot of %s: %w", top, err), s.Close())
	}
	return s, nil
}

func (s *Snapshot) take(g git) error {
	objects, err := g.run(nil, "rev-parse", "--path-format=absolute", "--git-path", "objects")
	if err != nil {
		return err
	}
	index, err := g.run(nil, "rev-parse", "--path-format=absolute", "--git-path", "index")
	if err != nil {
		return err
	}
	own := filepath.Join(s.dir, "index")
	if data, err := os.ReadFile(index); err == nil { // which knows most files already; a new repository has none
		if err := os.WriteFile(own, data, 0o600); err != nil {
			return err
		}
	}
	if err := os.Mkdir(filepath.Join(s.dir, "objects"), 0o700); err != nil {
		return err
	}
	g.env = []string{
		"GIT_INDEX_FILE=" + own,
		"GIT_OBJECT_DIRECTORY=" + filepath.Join(s.dir, "objects"),
		"GIT_ALTERNATE_OBJECT_DIRECTORIES=" + objects,
		"GIT_AUTHOR_NAME=yaci",
		"GIT_AUTHOR_EMAIL=yaci@localhost",
		"GIT_COMMITTER_NAME=yaci",
		"GIT_COMMITTER_EMAIL=yaci@localhost",
	}
	if _, err := g.run(nil, "add", "--all"); err != nil {
		return err
	}
	tree, err := g.run(nil, "write-tree")
	if err != nil {
		return err
	}
	if s.Commit, err = g.run(nil, "commit-tree", tree, "-m", "Working tree"); err != nil {
		return err
	}
	if s.Branch, err = g.run(nil, "branch", "--show-current"); err != nil {
		return err
	}
	origin, _ := g.run(nil, "remote", "get-url", "origin") // it fails when there is none
	s.Repo = repoName(origin, g.dir)
	return s.pack(g)
}

// remotePath is the end of a remote's address: https://host/owner/name.git, git@host:owner/name.
var remotePath = regexp.MustCompile(`[/:]([\w.-]+)/([\w.-]+?)(?:\.git)?/?$`)

// repoName reads owner/name out of a remote's address, or makes a name of the directory.
func repoName(origin, dir string) string {
	if m := remotePath.FindStringSubmatch(origin); m != nil {
		return m[1] + "/" + m[2]
	}
	return "local/" + filepath.Base(dir)
}

// Ref is the full name of the branch; without one, the commit itself, as a detached HEAD has it.
func (s *Snapshot) Ref() string {
	if s.Branch == "" {
		return s.Commit
	}
	return "refs/heads/" + s.Branch
}

func (s *Snapshot) pack(g git) error {
	s.Pack = filepath.Join(s.dir, "pack")
	to, err := os.Create(s.Pack)
	if err != nil {
		return err
	}
	g.to = to
	_, err = g.run(strings.NewReader(s.Commit+"\n"), "pack-objects", "--revs", "--stdout", "-q")
	if err == nil {
		s.Bytes, err = to.Seek(0, io.SeekCurrent)
	}
	return errors.Join(err, to.Close())
}

// git is how git is called.
type git struct {
	ctx context.Context
	dir string
	env []string
	to  *os.File // for what it prints; nil: returned
}

func (g git) run(in io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(g.ctx, "git", args...)
	var out, errs bytes.Buffer
	cmd.Dir = g.dir
	cmd.Env = append(os.Environ(), g.env...)
	cmd.Stdin = in
	cmd.Stdout = &out
	cmd.Stderr = &errs
	if g.to != nil {
		cmd.Stdout = g.to
	}
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, lines[len(lines)-1])
	}
	return strings.TrimSpace(out.String()), nil
}

// String says what is sent.
func (s *Snapshot) String() string {
	return fmt.Sprintf("working tree %.7s, %.1f MB packed", s.Commit, float64(s.Bytes)/1e6)
}
