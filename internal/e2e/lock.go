package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Main runs the tests of a package while no other package's tests use the cluster: some close the only node, kill the
// kubelet or the API server. go test runs packages side by side, so each TestMain calls this. It returns the exit code.
func Main(m *testing.M) int {
	kubeconfig := os.Getenv("KUBECONFIG")
	if kubeconfig == "" || os.Getenv("YACI_IMAGE") == "" {
		return m.Run() // there is no cluster; the tests that need one are skipped
	}
	lock, err := os.OpenFile(filepath.Join(filepath.Dir(kubeconfig), "tests.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, "lock the cluster:", err)
		return 1
	}
	defer lock.Close() // which unlocks it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		fmt.Fprintln(os.Stderr, "lock the cluster:", err)
		return 1
	}
	return m.Run()
}
