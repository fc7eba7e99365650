package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// revokeTimeout bounds what no step waits for, but the end of the job does: on a
// busy node the program alone takes seconds to start. A token that it misses is good for an hour.
const revokeTimeout = 20 * time.Second

// revoke gives the clone token back. The server cannot, because it does not keep
// the token; and yaci, which lies beside this program in its image, does it for
// it, since an HTTP client would more than double the size of the runner. Steps may run already.
func revoke(at layout, address string) error {
	token, err := os.ReadFile(filepath.Join(at.seed, tokenFile))
	if address == "" || os.IsNotExist(err) { // a public repository is cloned without
		return nil
	}
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), revokeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(self), "yaci"), "revoke-token", address)
	cmd.Stdin = strings.NewReader(strings.TrimSpace(string(token)))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// shorten leaves room for all else in a termination message, which the kubelet cuts after 4096 bytes.
func shorten(text string) string { return text[:min(len(text), 700)] }

// note adds to the record of a container that has handed over what an operator should know.
func note(at layout, text string) error {
	var r record
	data, err := os.ReadFile(at.termination)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	if r.Note != "" {
		text = r.Note + "; " + text
	}
	r.Note = shorten(text)
	if data, err = json.Marshal(r); err != nil {
		return err
	}
	return os.WriteFile(at.termination, data, 0o666)
}
