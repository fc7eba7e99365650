package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// up boots what is not running yet.
func (n instance) up() error {
	for _, dir := range []string{n.state, n.run, n.cache} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if n.ready() {
		return nil
	}
	return steps(
		step{"packages", installPackages},
		step{"kubernetes " + version, n.buildKube},
		step{"settings", quiet(n.settings)},
		step{"containerd", quiet(n.bootContainerd)},
		step{"etcd and API server", quiet(n.bootAPI)},
		step{"node", quiet(n.bootNode)},
		step{"namespace", quiet(n.namespace)},
	)
}

// installPackages brings what Debian has and this machine has not.
func installPackages(say tell) error {
	missing := []string{}
	for file, pkg := range map[string]string{"/usr/bin/containerd": "containerd", "/usr/sbin/runc": "runc", "/usr/bin/etcd": "etcd-server",
		"/usr/lib/cni/bridge": "containernetworking-plugins", "/usr/sbin/iptables": "iptables", "/usr/sbin/conntrack": "conntrack", "/usr/sbin/ip": "iproute2",
		"/usr/bin/busybox": "busybox-static", "/usr/bin/mmdebstrap": "mmdebstrap", "/usr/bin/git": "git",
		"/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring"} {
		if _, err := os.Stat(file); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	say("installing " + strings.Join(missing, ", "))
	if err := say.run(exec.Command("apt-get", "update"), line); err != nil {
		return err
	}
	cmd := exec.Command("apt-get", append([]string{"install", "-y", "--no-install-recommends"}, missing...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	return say.run(cmd, line)
}

func line(s string) string { return s }

// ready reports whether all components live, the node takes pods and they get service accounts.
func (n instance) ready() bool {
	for _, c := range components {
		if !n.alive(c) {
			return false
		}
	}
	_, node := n.call("GET", "/api/v1/nodes/localhost", "")
	if !n.kubeletAnswers() || !strings.Contains(node, `"reason":"KubeletReady"`) {
		return false
	}
	code, _ := n.call("GET", "/api/v1/namespaces/default/serviceaccounts/default", "")
	return code == 200
}

// namespace makes the namespace of the builds, with Pod Security enforced.
func (n instance) namespace() error {
	n.call(
		"POST",
		"/api/v1/namespaces",
		`{"metadata":{"name":"yaci-builds","labels":{"pod-security.kubernetes.io/enforce":"baseline"}}}`,
	)
	return waitFor(30*time.Second, func() bool {
		code, _ := n.call("GET", "/api/v1/namespaces/yaci-builds/serviceaccounts/default", "")
		return code == 200
	})
}
