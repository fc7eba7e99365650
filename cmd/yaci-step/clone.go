package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// clone fetches exactly one commit by its id. URL and ids come from YACI, and
// still nothing of them can be an option to git: ids are hexadecimal, the depth
// is a number, and the URL stands behind a remote's name. trouble is what went
// wrong on the way and was tried again, after a wait.
func clone(at layout, remote string, getenv func(string) string, wait func(time.Duration)) (trouble []string, err error) {
	u, err := url.Parse(remote)
	if err != nil || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("%q is not an http(s) URL without credentials", remote)
	}
	sha, base := getenv("YACI_CLONE_SHA"), getenv("YACI_CLONE_MERGE")
	for _, id := range []string{sha, base} {
		if id != "" && !isCommit(id) {
			return nil, fmt.Errorf("%q is not a full commit id", id)
		}
	}
	token, err := os.ReadFile(filepath.Join(at.seed, tokenFile))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	g := repository{dir: at.workspace, url: u.String(), token: strings.TrimSpace(string(token)), home: at.bin, lfs: getenv("YACI_CLONE_LFS") != "", wait: wait}
	if err := g.git("init", "--quiet", "."); err != nil {
		return nil, err
	}
	if err := g.git("remote", "add", "origin", g.url); err != nil {
		return nil, err
	}
	if err := g.fetch(sha, base, getenv("YACI_CLONE_DEPTH")); err != nil {
		return g.trouble, err
	}
	if err := g.checkout(sha, base); err != nil {
		return g.trouble, err
	}
	if getenv("YACI_CLONE_SUBMODULES") != "" {
		err = g.remote("submodule", "--quiet", "update", "--init", "--recursive", "--depth=1")
	}
	return g.trouble, err
}

func isCommit(id string) bool {
	return len(id) >= 40 && strings.Trim(id, "0123456789abcdef") == ""
}

// fetch brings the commit. Merging needs the history of both sides.
func (g *repository) fetch(sha, base, depth string) error {
	args := []string{"fetch", "--quiet", "--no-tags", "--no-recurse-submodules"}
	switch {
	case base != "":
		return g.remote(append(args, "origin", sha, base)...)
	case depth == "" || strings.Trim(depth, "0123456789") != "":
		depth = "1"
	}
	if depth != "0" {
		args = append(args, "--depth="+depth)
	}
	return g.remote(append(args, "origin", sha)...)
}

// checkout leaves the commit in the workspace, or what a merge into base would be.
func (g *repository) checkout(sha, base string) error {
	if base == "" {
		return g.git("checkout", "--quiet", "--detach", sha)
	}
	if err := g.git("checkout", "--quiet", "--detach", base); err != nil {
		return err
	}
	if err := g.git("merge", "--quiet", "--no-edit", "-m", "Merge "+sha+" into "+base, sha); err != nil {
		return fmt.Errorf("%.7s cannot be merged into %.7s; merge or rebase the pull request (%w)", sha, base, err)
	}
	return nil
}
