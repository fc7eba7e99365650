package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// tokenUser is the user name that GitHub expects with a token of an App's installation.
const tokenUser = "x-access-token"

// access is a token, with the repositories that it can read besides origin because their owners
// allow it.
type access struct {
	token        string
	site         string // scheme://host/ that the token is for
	repositories []string
}

// readAccess reads the token and the repositories. A public repository has no token.
func (g *repository) readAccess(payload string) error {
	read := func(name string) (string, error) {
		data, err := os.ReadFile(filepath.Join(payload, name))
		if os.IsNotExist(err) {
			return "", nil
		}
		return strings.TrimSpace(string(data)), err
	}
	token, err := read(runner.TokenFile)
	if err != nil {
		return err
	}
	names, err := read(runner.RepositoriesFile)
	if err != nil {
		return err
	}
	g.access = access{token: token, site: g.site(), repositories: strings.Fields(names)}
	return nil
}

// redact replaces the token in a text.
func (a access) redact(text string) string {
	if a.token == "" {
		return text
	}
	return strings.ReplaceAll(text, a.token, "[token]")
}

// environment returns the variables from which the credential helper, a child process of git,
// learns the token.
func (a access) environment() []string {
	if a.token == "" || len(a.repositories) == 0 {
		return nil
	}
	return []string{"YACI_CREDENTIAL_TOKEN=" + a.token, "YACI_CREDENTIAL_SITE=" + a.site,
		"YACI_CREDENTIAL_REPOSITORIES=" + strings.Join(a.repositories, " ")}
}

// credentialHelper returns the command that git runs to get a user and a password: this program
// (git-scm.com/docs/gitcredentials, "Custom helpers"). It returns "" if the path cannot be quoted.
func credentialHelper() string {
	self, err := os.Executable()
	if err != nil || strings.Contains(self, "'") {
		return ""
	}
	return "!'" + self + "' credential"
}

// credential answers git's request for the credentials of a repository. It prints nothing for a
// repository that the token is not for, and git continues without.
func credential(in io.Reader, out io.Writer, getenv func(string) string) int {
	asked := map[string]string{}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), "="); ok {
			asked[key] = value
		}
	}
	if asked["protocol"]+"://"+asked["host"]+"/" != getenv("YACI_CREDENTIAL_SITE") {
		return 0
	}
	name := repositoryName(asked["path"])
	same := func(allowed string) bool { return strings.EqualFold(allowed, name) }
	if name == "" || !slices.ContainsFunc(strings.Fields(getenv("YACI_CREDENTIAL_REPOSITORIES")), same) {
		return 0
	}
	if _, err := fmt.Fprintf(out, "username=%s\npassword=%s\n", tokenUser, getenv("YACI_CREDENTIAL_TOKEN")); err != nil {
		return 1
	}
	return 0
}

// repositoryName returns owner/name for a path on a site, which may continue with the path of Git
// LFS; or "".
func repositoryName(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 2 || parts[0] == "" {
		return ""
	}
	return parts[0] + "/" + strings.TrimSuffix(parts[1], ".git")
}

// revocation revokes the clone token. The server cannot, because it does not keep the token. The
// program yaci, which is in the same image, does it, because an HTTP client would more than double
// the size of the runner. It starts while the commit is fetched, and waits for the token. A token
// that is not revoked in time expires within an hour, and no step can read it: it was in this
// container only.
type revocation struct {
	cmd   *exec.Cmd // nil: there is nothing to revoke
	token string
	stdin io.WriteCloser
	out   bytes.Buffer
	err   error // of starting cmd
}

// startRevocation starts the program that will revoke the token. Errors are returned by finish,
// because the clone does not depend on it.
func startRevocation(paths podPaths, address string) *revocation {
	r := &revocation{}
	token, err := os.ReadFile(filepath.Join(paths.payload, runner.TokenFile))
	if address == "" || errors.Is(err, os.ErrNotExist) { // a public repository is cloned without
		return r
	}
	if r.err = err; err != nil {
		return r
	}
	self, err := os.Executable()
	if r.err = err; err != nil {
		return r
	}
	r.token = strings.TrimSpace(string(token))
	cmd := exec.Command(filepath.Join(filepath.Dir(self), runner.ServerProgram), runner.RevokeCommand, address)
	cmd.Stdout, cmd.Stderr = &r.out, &r.out
	if r.stdin, r.err = cmd.StdinPipe(); r.err != nil {
		return r
	}
	if r.err = cmd.Start(); r.err == nil {
		r.cmd = cmd
	}
	return r
}

// finish passes the token to the program, and waits until it ends or runner.RevokeTimeout has
// passed.
func (r *revocation) finish() error {
	if r.cmd == nil {
		return r.err
	}
	late := time.AfterFunc(runner.RevokeTimeout, func() { _ = r.cmd.Process.Kill() })
	defer late.Stop()
	_, _ = io.WriteString(r.stdin, r.token) // a program that does not read it fails with its own message
	_ = r.stdin.Close()
	if err := r.cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(r.out.Bytes()))
	}
	return nil
}
