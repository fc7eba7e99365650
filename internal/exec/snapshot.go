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

// Snapshot is a working tree as a git commit without parents.
type Snapshot struct {
	Commit string // full id
	Branch string // the current branch; empty: HEAD is detached
	Repo   string // owner/name of the remote origin, or local/DIRECTORY without one
	Pack   string // path of a git pack with the commit
	Bytes  int64  // of the pack

	dir string
}

// Close deletes the pack.
func (s *Snapshot) Close() error { return os.RemoveAll(s.dir) }

// TakeSnapshot takes a snapshot of the working tree that contains dir: all files that git does not ignore. It uses an
// object directory and an index of its own, so the repository does not change. The caller must call Close.
func TakeSnapshot(ctx context.Context, dir string) (*Snapshot, error) {
	g := git{ctx: ctx, dir: dir}
	top, err := g.run(nil, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, fmt.Errorf("not a git working tree: %w", err)
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

// take commits and packs the working tree in g.dir.
func (s *Snapshot) take(g git) error {
	if err := s.prepare(&g); err != nil {
		return err
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
	origin, _ := g.run(nil, "remote", "get-url", "origin") // it fails if there is none
	s.Repo = repoName(origin, g.dir)
	return s.pack(g)
}

// prepare makes g use an object directory and an index in s.dir. The index is a copy of the repository's, so that git
// need not read unchanged files.
func (s *Snapshot) prepare(g *git) error {
	objects, err := g.run(nil, "rev-parse", "--path-format=absolute", "--git-path", "objects")
	if err != nil {
		return err
	}
	index, err := g.run(nil, "rev-parse", "--path-format=absolute", "--git-path", "index")
	if err != nil {
		return err
	}
	ownIndex := filepath.Join(s.dir, "index")
	if data, err := os.ReadFile(index); err == nil { // a new repository has none
		if err := os.WriteFile(ownIndex, data, 0o600); err != nil {
			return err
		}
	}
	if err := os.Mkdir(filepath.Join(s.dir, "objects"), 0o700); err != nil {
		return err
	}
	g.env = []string{
		"GIT_INDEX_FILE=" + ownIndex,
		"GIT_OBJECT_DIRECTORY=" + filepath.Join(s.dir, "objects"),
		"GIT_ALTERNATE_OBJECT_DIRECTORIES=" + objects,
		"GIT_AUTHOR_NAME=yaci",
		"GIT_AUTHOR_EMAIL=yaci@localhost",
		"GIT_COMMITTER_NAME=yaci",
		"GIT_COMMITTER_EMAIL=yaci@localhost",
	}
	return nil
}

// remotePath matches the end of a remote's URL: https://host/owner/name.git, git@host:owner/name.
var remotePath = regexp.MustCompile(`[/:]([\w.-]+)/([\w.-]+?)(?:\.git)?/?$`)

// repoName returns owner/name from a remote's URL, or local/ and the name of the directory.
func repoName(origin, dir string) string {
	if m := remotePath.FindStringSubmatch(origin); m != nil {
		return m[1] + "/" + m[2]
	}
	return "local/" + filepath.Base(dir)
}

// Ref returns the full name of the branch or, with a detached HEAD, the id of the commit.
func (s *Snapshot) Ref() string {
	if s.Branch == "" {
		return s.Commit
	}
	return "refs/heads/" + s.Branch
}

// pack writes the commit to a git pack.
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

// git calls git.
type git struct {
	ctx context.Context
	dir string
	env []string
	to  *os.File // receives the output; nil: run returns it
}

// run runs git and returns what it prints. The error contains the last line of its error output.
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

// String describes what is sent.
func (s *Snapshot) String() string {
	return fmt.Sprintf("working tree %.7s, %.1f MB packed", s.Commit, float64(s.Bytes)/1e6)
}
