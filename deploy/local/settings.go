package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// write makes a file of the state directory.
func (n instance) write(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(n.path(name)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(n.path(name), []byte(text), 0o600)
}

// settings writes all configuration files. Secrets are made once.
func (n instance) settings() error {
	token, err := n.secret("token", func() (string, error) { return rand.Text(), nil })
	if err != nil {
		return err
	}
	if _, err := n.secret("service-accounts.key", newKey); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"tokens.csv":           token + `,admin,admin,"system:masters"` + "\n",
		"kubeconfig":           fmt.Sprintf(kubeconfigText, n.api(), n.path("certs/apiserver.crt"), token),
		"containerd.toml":      fmt.Sprintf(containerdText, n.path("containerd"), n.run+"/containerd", n.socket(), n.path("cni")),
		"cni/10-yaci.conflist": fmt.Sprintf(cniText, n.bridge(), n.subnet, n.path("ipam")),
		"kubelet.yaml":         fmt.Sprintf(kubeletText, n.port+3, n.port+4, n.socket(), n.cgroup(), onDisk(n.path("")), n.path("pod-logs"), n.logSize),
	} {
		if err := n.write(name, text); err != nil {
			return err
		}
	}
	return nil
}

func (n instance) secret(name string, make func() (string, error)) (string, error) {
	data, err := os.ReadFile(n.path(name))
	if !errors.Is(err, fs.ErrNotExist) {
		return string(data), err
	}
	text, err := make()
	if err != nil {
		return "", err
	}
	return text, n.write(name, text)
}

func newKey() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})), nil
}

const kubeconfigText = `apiVersion: v1
kind: Config
current-context: yaci-local
clusters: [{name: yaci-local, cluster: {server: "%s", certificate-authority: "%s"}}]
users: [{name: admin, user: {token: "%s"}}]
contexts: [{name: yaci-local, context: {cluster: yaci-local, user: admin}}]
`

// restrict_oom_score_adj: without CAP_SYS_RESOURCE every sandbox would fail.
const containerdText = `version = 2
root = "%s"
state = "%s"
[grpc]
  address = "%s"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "yaci.local/pause:1"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "%s"
`

const cniText = `{"cniVersion": "0.4.0", "name": "yaci", "plugins": [
  {"type": "bridge", "bridge": "%[1]s", "isGateway": true, "ipMasq": true,
   "ipam": {"type": "host-local", "dataDir": "%[3]s", "ranges": [[{"subnet": "%[2]s.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
`

// The kubelet answers on loopback only, so it asks nobody who they are.
// Its logs are its own, since it deletes those of pods that it does not know.
// Limits on disk (localStorageCapacityIsolation) need a file system that cAdvisor can see.
const kubeletText = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: %d
healthzPort: %d
readOnlyPort: 0
containerRuntimeEndpoint: unix://%s
cgroupRoot: %s
cgroupDriver: cgroupfs
cgroupsPerQOS: true
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: %t
evictionHard: {memory.available: "100Mi", nodefs.available: "1%%", imagefs.available: "1%%"}
imageGCHighThresholdPercent: 100
makeIPTablesUtilChains: false
maxPods: 110
podLogsDir: %s
containerLogMaxSize: %s
containerLogMonitorInterval: 3s
podPidsLimit: 512
syncFrequency: 10s
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
`
