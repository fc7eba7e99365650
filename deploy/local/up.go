package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// up boots what is not running yet.
func (n instance) up() error {
	for _, dir := range []string{n.state, n.run, n.cache} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	lock, err := os.Create(n.run + ".lock")
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if n.ready() {
		return nil
	}
	for _, s := range []struct {
		what string
		do   func() error
	}{{"packages", installPackages}, {"kubernetes " + version, n.buildKube}, {"settings", n.settings}, {"containerd", n.bootContainerd},
		{"etcd and API server", n.bootAPI}, {"node", n.bootNode}, {"namespace", n.namespace}} {
		start := time.Now()
		fmt.Fprintf(os.Stderr, "  %-28s", s.what)
		if err := s.do(); err != nil {
			fmt.Fprintln(os.Stderr)
			return fmt.Errorf("%s: %w", s.what, err)
		}
		fmt.Fprintf(os.Stderr, "%6.1fs\n", time.Since(start).Seconds())
	}
	return nil
}

// installPackages brings what Debian has and this machine has not.
func installPackages() error {
	missing := []string{}
	for file, pkg := range map[string]string{"/usr/bin/containerd": "containerd", "/usr/sbin/runc": "runc", "/usr/bin/etcd": "etcd-server",
		"/usr/lib/cni/bridge": "containernetworking-plugins", "/usr/sbin/iptables": "iptables", "/usr/sbin/conntrack": "conntrack",
		"/usr/bin/busybox": "busybox-static", "/usr/bin/mmdebstrap": "mmdebstrap", "/usr/bin/git": "git"} {
		if _, err := os.Stat(file); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := command("apt-get", "update", "-qq"); err != nil {
		return err
	}
	return command(append([]string{"env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends"}, missing...)...)
}

// buildKube builds Kubernetes from its Go modules, once for a version.
func (n instance) buildKube() error {
	if _, err := os.Stat(n.kube()); err == nil {
		return nil
	}
	stamp := " -X k8s.io/component-base/version.gitVersion=" + version + " -X k8s.io/client-go/pkg/version.gitVersion=" + version
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w"+stamp, "-o", n.kube()+".tmp", "./kube")
	cmd.Dir = filepath.Join(filepath.Dir(n.bin), "deploy", "local")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	fmt.Fprint(os.Stderr, "(the first time takes some minutes) ")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, bytes.TrimSpace(out))
	}
	return os.Rename(n.kube()+".tmp", n.kube())
}

func (n instance) bootContainerd() error {
	if err := n.daemon("containerd", "containerd", "--config", n.path("containerd.toml")); err != nil {
		return err
	}
	if err := waitFor(30*time.Second, func() bool { return n.ctr("version") == nil }); err != nil {
		return err
	}
	return n.pauseImage()
}

func (n instance) ctr(args ...string) error {
	return command(append([]string{"ctr", "--address", n.socket(), "--namespace", "k8s.io"}, args...)...)
}

func (n instance) bootAPI() error {
	for i := range 7 {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", n.port+i)); err == nil {
			l.Close()
		} else if !n.alive("apiserver") && !n.alive("etcd") {
			return fmt.Errorf("port %d is taken: set YACI_LOCAL_PORT_BASE to the first of ten free ports", n.port+i)
		}
	}
	client, peer := fmt.Sprintf("http://127.0.0.1:%d", n.port), fmt.Sprintf("http://127.0.0.1:%d", n.port+1)
	if err := n.daemon("etcd", "etcd", "--data-dir", n.path("etcd"), "--unsafe-no-fsync", "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer); err != nil {
		return err
	}
	err := n.daemon("apiserver", n.kube(), "apiserver", "--etcd-servers", client, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", n.port+2),
		"--advertise-address="+n.host(), "--cert-dir", n.path("certs"), "--token-auth-file", n.path("tokens.csv"), "--authorization-mode=Node,RBAC",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file", n.path("service-accounts.key"),
		"--service-account-signing-key-file", n.path("service-accounts.key"), "--service-cluster-ip-range=10.255.0.0/24",
		"--kubelet-preferred-address-types=Hostname", "--allow-privileged=true", "--endpoint-reconciler-type=none")
	if err != nil {
		return err
	}
	if err := waitFor(time.Minute, func() bool { code, _ := n.call("GET", "/readyz", ""); return code == 200 }); err != nil {
		return fmt.Errorf("API server: %w; see %s", err, n.path("apiserver.log"))
	}
	if err := n.daemon("controller-manager", n.kube(), "controller-manager", "--kubeconfig", n.kubeconfig(), fmt.Sprintf("--secure-port=%d", n.port+6),
		"--bind-address=127.0.0.1", "--cert-dir", n.path("certs-cm"), "--leader-elect=false", "--use-service-account-credentials=false",
		"--service-account-private-key-file", n.path("service-accounts.key"), "--concurrent-job-syncs=20", "--kube-api-qps=200", "--kube-api-burst=400"); err != nil {
		return err
	}
	return n.daemon("scheduler", n.kube(), "scheduler", "--kubeconfig", n.kubeconfig(), fmt.Sprintf("--secure-port=%d", n.port+5),
		"--bind-address=127.0.0.1", "--cert-dir", n.path("certs-s"), "--leader-elect=false", "--kube-api-qps=200", "--kube-api-burst=400")
}

func (n instance) bootNode() error {
	if err := errors.Join(n.makeCgroups(), n.makeBridge()); err != nil {
		return err
	}
	if err := n.daemon("kubelet", n.kube(), "kubelet", "--config", n.path("kubelet.yaml"), "--kubeconfig", n.kubeconfig(),
		"--root-dir", n.path("kubelet"), "--cert-dir", n.path("certs-k"), "--hostname-override=localhost"); err != nil {
		return err
	}
	if err := waitFor(90*time.Second, func() bool { return n.ready() || !n.alive("kubelet") }); err != nil || !n.alive("kubelet") {
		return fmt.Errorf("the node is not ready (%v); see %s", err, n.path("kubelet.log"))
	}
	return nil
}

// ready reports whether all components live, the node takes pods and they get service accounts.
func (n instance) ready() bool {
	for _, c := range []string{"containerd", "etcd", "apiserver", "controller-manager", "scheduler", "kubelet"} {
		if !n.alive(c) {
			return false
		}
	}
	_, node := n.call("GET", "/api/v1/nodes/localhost", "")
	if !strings.Contains(node, `"reason":"KubeletReady"`) {
		return false
	}
	code, _ := n.call("GET", "/api/v1/namespaces/default/serviceaccounts/default", "")
	return code == 200
}

// namespace makes the namespace of the builds, with Pod Security enforced.
func (n instance) namespace() error {
	n.call("POST", "/api/v1/namespaces", `{"metadata":{"name":"yaci-builds","labels":{"pod-security.kubernetes.io/enforce":"baseline"}}}`)
	return waitFor(30*time.Second, func() bool {
		code, _ := n.call("GET", "/api/v1/namespaces/yaci-builds/serviceaccounts/default", "")
		return code == 200
	})
}

// call asks the API server. Its certificate is its own; on loopback the token is what counts.
func (n instance) call(method, path, body string) (int, string) {
	token, err := os.ReadFile(n.path("token"))
	if err != nil {
		return 0, ""
	}
	req, err := http.NewRequest(method, n.api()+path, strings.NewReader(body))
	if err != nil {
		return 0, ""
	}
	req.Header.Set("Authorization", "Bearer "+string(token))
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	res, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	data, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(data)
}
