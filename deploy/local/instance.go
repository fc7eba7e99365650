package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

const version = "v1.34.4"

// instance is where one cluster lives on this machine.
type instance struct {
	name    string
	port    int    // first of ten
	subnet  string // three numbers: 10.70.3
	state   string // everything on disk
	run     string // sockets, whose paths must be short
	cache   string // built components, shared by all instances
	logSize string // of a container's log, before the kubelet rotates it
	bin     string // YACI's own binaries
}

func newInstance(checkout string, getenv func(string) string) (instance, error) {
	sum := sha256.Sum256([]byte(checkout))
	n := instance{name: hex.EncodeToString(sum[:3]), bin: filepath.Join(checkout, "bin")}
	if v := getenv("YACI_LOCAL_NAME"); v != "" {
		if sum = sha256.Sum256([]byte(v)); len(v) > 8 {
			return n, fmt.Errorf("YACI_LOCAL_NAME %q is longer than 8 letters: choose a shorter one", v)
		}
		n.name = v
	}
	n.port = 21000 + (int(sum[0])<<8+int(sum[1]))%900*10
	n.subnet = fmt.Sprintf("10.%d.%d", 64+sum[2]%64, sum[3])
	if v := getenv("YACI_LOCAL_PORT_BASE"); v != "" {
		port, err := strconv.Atoi(v)
		if err != nil || port < 1024 || port > 65000 {
			return n, fmt.Errorf("YACI_LOCAL_PORT_BASE %q is no port: write a number from 1024 to 65000", v)
		}
		n.port = port
	}
	if v := getenv("YACI_LOCAL_SUBNET"); v != "" {
		n.subnet = v
	}
	if n.logSize = getenv("YACI_LOCAL_LOG_SIZE"); n.logSize == "" {
		n.logSize = "100Mi"
	}
	n.state = "/var/lib/yaci-local/" + n.name
	n.run = "/run/yaci-local/" + n.name
	n.cache = getenv("YACI_CACHE")
	if n.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return n, fmt.Errorf("cache: %w", err)
		}
		n.cache = filepath.Join(dir, "yaci")
	}
	return n, nil
}

func (n instance) path(elem ...string) string {
	return filepath.Join(append([]string{n.state}, elem...)...)
}
func (n instance) bridge() string     { return "yaci" + n.name }
func (n instance) host() string       { return n.subnet + ".1" }
func (n instance) kubeconfig() string { return n.path("kubeconfig") }
func (n instance) socket() string     { return n.run + "/containerd.sock" }
func (n instance) cgroup() string     { return "/yaci-" + n.name }
func (n instance) api() string        { return fmt.Sprintf("https://127.0.0.1:%d", n.port+2) }
func (n instance) kube() string       { return filepath.Join(n.cache, "kube-"+version) }
func (n instance) source() string     { return filepath.Join(filepath.Dir(n.bin), "deploy", "local") }
