package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func (n instance) bootAPI() error {
	if err := n.portsFree(); err != nil {
		return err
	}
	client, peer := fmt.Sprintf("http://127.0.0.1:%d", n.port), fmt.Sprintf("http://127.0.0.1:%d", n.port+1)
	if err := n.daemon("etcd", "etcd", "--data-dir", n.path("etcd"), "--unsafe-no-fsync", "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer); err != nil {
		return err
	}
	err := n.daemon(
		"apiserver",
		n.kube(),
		"apiserver",
		"--etcd-servers",
		client,
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", n.port+2),
		"--advertise-address="+n.host(),
		"--cert-dir",
		n.path("certs"),
		"--token-auth-file",
		n.path("tokens.csv"),
		"--authorization-mode=Node,RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file",
		n.path("service-accounts.key"),
		"--service-account-signing-key-file",
		n.path("service-accounts.key"),
		"--service-cluster-ip-range=10.255.0.0/24",
		"--kubelet-preferred-address-types=Hostname",
		"--allow-privileged=true",
		"--endpoint-reconciler-type=none",
	)
	if err != nil {
		return err
	}
	if err := n.wait("apiserver", time.Minute, func() bool { code, _ := n.call("GET", "/readyz", ""); return code == 200 }); err != nil {
		return err
	}
	if err := n.daemon("controller-manager", n.kube(), "controller-manager", "--kubeconfig", n.kubeconfig(), fmt.Sprintf("--secure-port=%d", n.port+6),
		"--bind-address=127.0.0.1", "--cert-dir", n.path("certs-cm"), "--leader-elect=false", "--use-service-account-credentials=false",
		"--service-account-private-key-file", n.path("service-accounts.key"), "--root-ca-file", n.path("certs/apiserver.crt"), "--concurrent-job-syncs=20", "--kube-api-qps=200", "--kube-api-burst=400"); err != nil {
		return err
	}
	return n.daemon(
		"scheduler",
		n.kube(),
		"scheduler",
		"--kubeconfig",
		n.kubeconfig(),
		fmt.Sprintf("--secure-port=%d", n.port+5),
		"--bind-address=127.0.0.1",
		"--cert-dir",
		n.path("certs-s"),
		"--leader-elect=false",
		"--kube-api-qps=200",
		"--kube-api-burst=400",
	)
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
	client := http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	data, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(data)
}

// portsFree names a port that something else listens on.
func (n instance) portsFree() error {
	for i, component := range []string{"etcd", "etcd", "apiserver", "kubelet", "kubelet", "scheduler", "controller-manager"} {
		if n.alive(component) {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", n.port+i))
		if err != nil {
			return fmt.Errorf("port %d is taken: set YACI_LOCAL_PORT_BASE to the first of ten free ports", n.port+i)
		}
		l.Close()
	}
	return nil
}
