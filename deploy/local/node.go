package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

func (n instance) bootContainerd() error {
	if err := n.daemon("containerd", "containerd", "--config", n.path("containerd.toml")); err != nil {
		return err
	}
	if err := n.wait("containerd", 30*time.Second, func() bool { return run(n.ctr("version")) == nil }); err != nil {
		return err
	}
	return n.loadPause()
}

func (n instance) bootNode() error {
	if err := errors.Join(n.makeCgroups(), n.makeBridge()); err != nil {
		return err
	}
	if err := n.daemon("kubelet", n.kube(), "kubelet", "--config", n.path("kubelet.yaml"), "--kubeconfig", n.kubeconfig(),
		"--root-dir", n.path("kubelet"), "--cert-dir", n.path("certs-k"), "--hostname-override=localhost"); err != nil {
		return err
	}
	return n.wait("kubelet", 90*time.Second, n.ready)
}

// kubeletAnswers tells a live kubelet from what the API server remembers of a dead one.
func (n instance) kubeletAnswers() bool {
	client := http.Client{Timeout: 5 * time.Second}
	res, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/healthz", n.port+4))
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}
