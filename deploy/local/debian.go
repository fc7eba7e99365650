package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// goHook copies this machine's Go into a tree that mmdebstrap makes ($1).
const goHook = `mkdir -p "$1/usr/local/go" "$1/go" && chmod 1777 "$1/go" && cp -RL "$(go env GOROOT)/." "$1/usr/local/go" && rm -rf "$1/usr/local/go/test" "$1/usr/local/go/api" "$1/usr/local/go/doc"`

// debian is a small Debian as one layer, kept in the cache under what is in it.
// With Go, its version is a part of that.
func (n instance) debian(name, packages string, withGo bool, say tell) (layer, error) {
	inputs, hook := packages, "true"
	if withGo {
		inputs, hook = inputs+" "+runtime.Version()+goHook, goHook
	}
	sum := sha256.Sum256([]byte(inputs))
	path := filepath.Join(n.cache, "rootfs-"+name+"-"+hex.EncodeToString(sum[:4])+".tar")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return fileLayer(path)
	}
	defer os.Remove(path + ".tmp.tar")
	cmd := exec.Command(
		"mmdebstrap",
		"--variant=minbase",
		"--include="+packages,
		"--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/doc/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*",
		"--aptopt=Apt::Install-Recommends false",
		"--customize-hook="+hook,
		"bookworm",
		path+".tmp.tar",
	)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=0")
	if err := say.run(cmd, line); err != nil {
		return layer{}, err
	}
	if err := os.Rename(path+".tmp.tar", path); err != nil {
		return layer{}, err
	}
	return fileLayer(path)
}
