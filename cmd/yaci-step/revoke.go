package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// revocation gives the clone token back. The server cannot, because it does not
// keep the token; and yaci, which lies beside this program in its image, does it
// for it, since an HTTP client would more than double the size of the runner.
// That program starts while the commit is fetched and waits for the token. A token
// that is not given back in time is good for an hour at most, and no step can read it:
// it was in this container only.
type revocation struct {
	cmd   *exec.Cmd // nil: there is nothing to give back
	token string
	stdin io.WriteCloser
	out   bytes.Buffer
	err   error // from starting it
}

func startRevocation(at layout, address string) *revocation {
	r := &revocation{}
	token, err := os.ReadFile(filepath.Join(at.seed, runner.TokenFile))
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

// finish gives the token to the program and waits for its end, but not for long.
func (r *revocation) finish() error {
	if r.cmd == nil {
		return r.err
	}
	late := time.AfterFunc(runner.RevokeTimeout, func() { _ = r.cmd.Process.Kill() })
	defer late.Stop()
	_, _ = io.WriteString(r.stdin, r.token) // a program that does not read it fails, and says why
	_ = r.stdin.Close()
	if err := r.cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(r.out.Bytes()))
	}
	return nil
}
