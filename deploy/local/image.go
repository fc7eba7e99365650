package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Names of the images that `local image` loads.
const (
	yaciImage  = "yaci.local/yaci:dev"
	shellImage = "yaci.local/shell:1"
	toolsImage = "yaci.local/tools:1"
	userImage  = "yaci.local/shell-1000:1" // uid 1000, which /etc/passwd names
	uidImage   = "yaci.local/git-12345:1"  // a uid that /etc/passwd does not name
	otherImage = "yaci.local/other-architecture:1"
	pauseName  = "yaci.local/pause:1"
)

const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// images builds and loads what runs need.
func (n instance) images() error {
	unlock, err := lock(n.cache)
	if err != nil {
		return err
	}
	defer unlock()
	return steps(
		step{"image " + yaciImage, n.loadYACI},
		step{"image " + shellImage, quiet(n.loadShell)},
		step{"image " + userImage, quiet(n.loadUser)},
		step{"image " + otherImage, quiet(n.loadOther)},
		step{"image " + toolsImage, n.loadTools},
	)
}

func (n instance) loadYACI(say tell) error {
	base, err := n.debian("yaci", "git,git-lfs,ca-certificates", false, say)
	if err != nil {
		return err
	}
	own, err := treeLayer(entry{name: "usr/local/bin/yaci", from: filepath.Join(n.bin, "yaci"), mode: 0o755},
		entry{name: "usr/local/bin/yaci-step", from: filepath.Join(n.bin, "yaci-step"), mode: 0o755})
	if err != nil {
		return err
	}
	if err := n.load(uidImage, config{User: "12345", Cmd: []string{"sh"}, Env: []string{searchPath}}, base); err != nil {
		return err
	}
	return n.load(
		yaciImage,
		config{User: "65532:65532", Entrypoint: []string{"/usr/local/bin/yaci"}, Env: []string{searchPath}},
		base,
		own,
	)
}

func (n instance) loadShell() error {
	l, err := shellLayer()
	if err != nil {
		return err
	}
	return n.load(shellImage, config{Cmd: []string{"sh"}, Env: []string{searchPath}}, l)
}

// loadUser loads the shell image for a user who is not root.
func (n instance) loadUser() error {
	l, err := shellLayer(entry{name: "home/dev/", mode: 0o777})
	if err != nil {
		return err
	}
	return n.load(userImage, config{User: "1000", Cmd: []string{"sh"}, Env: []string{searchPath}}, l)
}

// loadOther loads an image whose only program is of another architecture than the
// node, which the image's configuration does not say.
func (n instance) loadOther() error {
	arch := "arm64"
	if runtime.GOARCH == arch {
		arch = "amd64"
	}
	bin := n.path("app")
	if err := n.compile(bin, "./pause", "GOARCH="+arch); err != nil {
		return err
	}
	l, err := treeLayer(entry{name: "tmp/", mode: 0o1777}, entry{name: "app", from: bin, mode: 0o755})
	if err != nil {
		return err
	}
	return n.load(otherImage, config{Cmd: []string{"/app"}}, l)
}

// loadTools is for steps that compile: C, and Go as it is on this machine.
func (n instance) loadTools(say tell) error {
	l, err := n.debian("tools", "git,make,gcc,libc6-dev,ca-certificates,python3-minimal,openssh-client", true, say)
	if err != nil {
		return err
	}
	env := []string{searchPath + ":/usr/local/go/bin:/go/bin", "GOPATH=/go", "GOTOOLCHAIN=local"}
	return n.load(toolsImage, config{Cmd: []string{"bash"}, Env: env}, l)
}

// loadPause is the program that holds a pod's namespaces.
func (n instance) loadPause() error {
	bin := n.path("pause")
	if err := n.compile(bin, "./pause"); err != nil {
		return err
	}
	l, err := treeLayer(entry{name: "pause", from: bin, mode: 0o755})
	if err != nil {
		return err
	}
	return n.load(pauseName, config{Entrypoint: []string{"/pause"}}, l)
}

func (n instance) compile(to, pkg string, env ...string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, pkg)
	cmd.Dir = n.source()
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", pkg, err, out)
	}
	return nil
}
