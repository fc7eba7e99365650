package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// Names of the images that `local image` loads.
const (
	yaciImage  = "yaci.local/yaci:dev"
	shellImage = "yaci.local/shell:1"
	pauseName  = "yaci.local/pause:1"
)

// images builds and loads what runs need.
func (n instance) images() error {
	base, err := n.rootfs("yaci", "git,git-lfs,ca-certificates")
	if err != nil {
		return err
	}
	own, err := layer(map[string]string{"usr/local/bin/yaci": filepath.Join(n.bin, "yaci"), "usr/local/bin/yaci-step": filepath.Join(n.bin, "yaci-step")}, nil)
	if err != nil {
		return err
	}
	if err := n.load(yaciImage, config{User: "65532:65532", Entrypoint: []string{"/usr/local/bin/yaci"}}, base, own); err != nil {
		return err
	}
	shell, err := shellLayer()
	if err != nil {
		return err
	}
	return n.load(shellImage, config{Cmd: []string{"sh"}}, shell)
}

// pauseImage is the program that holds a pod's namespaces.
func (n instance) pauseImage() error {
	bin := n.path("pause")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "./pause")
	cmd.Dir = filepath.Join(filepath.Dir(n.bin), "deploy", "local")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build pause: %w: %s", err, out)
	}
	l, err := layer(map[string]string{"pause": bin}, nil)
	if err != nil {
		return err
	}
	return n.load(pauseName, config{Entrypoint: []string{"/pause"}}, l)
}

// rootfs is a small Debian as one layer, cached by what is in it.
func (n instance) rootfs(name, packages string) ([]byte, error) {
	sum := sha256.Sum256([]byte(packages))
	path := filepath.Join(n.cache, "rootfs-"+name+"-"+hex.EncodeToString(sum[:4])+".tar")
	if data, err := os.ReadFile(path); err == nil {
		return data, nil
	}
	fmt.Fprintf(os.Stderr, "  Debian with %s, the first time\n", packages)
	if err := command("env", "SOURCE_DATE_EPOCH=0", "mmdebstrap", "--quiet", "--variant=minbase", "--include="+packages,
		"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
		"--aptopt=Apt::Install-Recommends false", "bookworm", path+".tmp.tar"); err != nil {
		return nil, err
	}
	if err := os.Rename(path+".tmp.tar", path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// config is the part of an image's configuration that is used here.
type config struct {
	User       string   `json:",omitempty"`
	Entrypoint []string `json:",omitempty"`
	Cmd        []string `json:",omitempty"`
	Env        []string `json:",omitempty"`
}

// load writes a Docker archive and imports it.
func (n instance) load(name string, c config, layers ...[]byte) error {
	c.Env = append(c.Env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	var diffs, files []string
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, l := range layers {
		digest := sha256.Sum256(l)
		diffs = append(diffs, "sha256:"+hex.EncodeToString(digest[:]))
		files = append(files, hex.EncodeToString(digest[:])+".tar")
		if err := put(w, files[len(files)-1], l, 0o644); err != nil {
			return err
		}
	}
	image, err := json.Marshal(map[string]any{"architecture": runtime.GOARCH, "os": "linux", "config": c, "rootfs": map[string]any{"type": "layers", "diff_ids": diffs}})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{name}, "Layers": files}})
	if err != nil {
		return err
	}
	if err := errors.Join(put(w, "config.json", image, 0o644), put(w, "manifest.json", manifest, 0o644), w.Close()); err != nil {
		return err
	}
	path := n.path("image.tar")
	defer os.Remove(path)
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		return err
	}
	return n.ctr("images", "import", path)
}

// layer holds files from this machine, and directories; times are zero so that it is reproducible.
func layer(files map[string]string, dirs map[string]int64) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range sorted(dirs) {
		if err := w.WriteHeader(&tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: dirs[name], ModTime: time.Unix(0, 0)}); err != nil {
			return nil, err
		}
	}
	for _, name := range sorted(files) {
		data, err := os.ReadFile(files[name])
		if err != nil {
			return nil, err
		}
		if err := put(w, name, data, 0o755); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}

func put(w *tar.Writer, name string, data []byte, mode int64) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(data)), ModTime: time.Unix(0, 0)}); err != nil {
		return err
	}
	_, err := io.Copy(w, bytes.NewReader(data))
	return err
}
