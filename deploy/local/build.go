package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

// buildKube builds Kubernetes from its Go modules, once for a version and for
// all checkouts.
func (n instance) buildKube(say tell) error {
	unlock, err := lock(n.cache)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(n.kube()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	say("the first time takes some minutes")
	stamp := " -X k8s.io/component-base/version.gitVersion=" + version + " -X k8s.io/client-go/pkg/version.gitVersion=" + version
	if err := n.goBuild(say, n.kube()+".tmp", "./kube", "-s -w"+stamp); err != nil {
		return err
	}
	return os.Rename(n.kube()+".tmp", n.kube())
}

// goBuild builds a program of this module and tells which package it is at.
func (n instance) goBuild(say tell, out, pkg, ldflags string) error {
	list := exec.Command("go", "list", "-deps", pkg)
	list.Dir, list.Env = n.source(), append(os.Environ(), "CGO_ENABLED=0")
	deps, err := list.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	cmd := exec.Command("go", "build", "-v", "-trimpath", "-ldflags", ldflags, "-o", out, pkg)
	cmd.Dir, cmd.Env = list.Dir, list.Env
	return say.run(cmd, countPackages(bytes.Count(deps, []byte("\n"))))
}

// countPackages turns the output of go build -v, a package a line, into how far it is.
func countPackages(all int) func(string) string {
	n := 0
	return func(line string) string {
		if strings.HasPrefix(line, "go: ") {
			return strings.TrimPrefix(line, "go: ")
		}
		n++
		return fmt.Sprintf("%d of %d packages: %s", n, all, line)
	}
}
