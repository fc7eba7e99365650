package main

import (
	"context"
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
func revoke(at layout, address string) {
	token, err := os.ReadFile(filepath.Join(at.seed, tokenFile))
	if address == "" || err != nil {
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), revokeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(self), "yaci"), "revoke-token", address)
	cmd.Stdin = strings.NewReader(strings.TrimSpace(string(token)))
	cmd.Run() // whatever comes of it, the clone is done
}
