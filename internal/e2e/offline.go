package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Offline returns a server, not started, whose GitHub and cluster are closed ports, and the address at which it will
// listen. Its files are in dir.
func Offline(t *testing.T, dir string) (cmd *exec.Cmd, addr string) {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	addr = l.Addr().String()
	l.Close()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(kubeconfig, fmt.Appendf(nil, kubeconfigOf, "http://127.0.0.1:1"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command("../../bin/yaci", "serve")
	cmd.Env = append(
		os.Environ(),
		"KUBECONFIG="+kubeconfig,
		"YACI_LISTEN="+addr,
		"YACI_METRICS_LISTEN=off",
		"YACI_DATABASE_URL=sqlite://"+filepath.Join(dir, "yaci.db"),
		"YACI_LOG_STORE="+filepath.Join(dir, "logs"),
		"YACI_WEBHOOK_SECRET="+HookSecret,
		"YACI_GITHUB_API_URL=http://127.0.0.1:1/",
		"YACI_GITHUB_TOKEN=x",
	)
	return cmd, addr
}
