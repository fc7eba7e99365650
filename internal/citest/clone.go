package citest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Clone is a working copy on this machine, as a person has one. What it pushes
// goes over smart HTTP with the person's token, by git itself.
type Clone struct{ Dir string }

// Clone clones the repository into a new directory, as that person.
func (r *Repo) Clone(dir string, user User) (*Clone, error) {
	c := &Clone{dir}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"clone", "--quiet", r.CloneURL(user), "."},
		{"config", "user.name", user.Name}, {"config", "user.email", user.Email},
	} {
		if _, err := c.Git(args...); err != nil {
			return nil, fmt.Errorf("clone %s as %s: %w", r.FullName(), user.Login, err)
		}
	}
	return c, nil
}

// Git runs git there and returns everything that it printed.
func (c *Clone) Git(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), gitTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env = c.Dir, gitEnv()
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return text, fmt.Errorf("git %s: %w: %s", args[0], err, text)
	}
	return text, nil
}

// Commit writes files (path to content), commits them and returns the commit.
func (c *Clone) Commit(message string, files map[string]string) (string, error) {
	for name, text := range files {
		path := filepath.Join(c.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	for _, args := range [][]string{{"add", "--all"}, {"commit", "--quiet", "--allow-empty", "-m", message}} {
		if _, err := c.Git(args...); err != nil {
			return "", err
		}
	}
	return c.Git("rev-parse", "HEAD")
}

// Push is Commit and git push of the branch that is checked out.
func (c *Clone) Push(message string, files map[string]string) (string, error) {
	sha, err := c.Commit(message, files)
	if err != nil {
		return "", err
	}
	_, err = c.Git("push", "--quiet", "origin", "HEAD")
	return sha, err
}
