package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const tokenFile = "token"

// prepare is the clone container. Its own failures are YACI's, never the
// user's, so the record always carries a sentence.
func prepare(at layout) int {
	syscall.Umask(0) // whatever user a step's image runs as can write the workspace
	r := record{Started: now()}
	if err := seed(at); err != nil {
		r.Exit, r.Reason = 1, "prepare: "+err.Error()
	} else if u := os.Getenv("YACI_CLONE_URL"); u != "" {
		if err := clone(at, u, os.Getenv("YACI_CLONE_SHA")); err != nil {
			r.Exit, r.Reason = 1, "clone: "+err.Error()
		}
	}
	r.Finished = now()
	return end(r, -1, at)
}

// seed puts the runner, the plan and the scripts where the steps see them.
func seed(at layout) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := copyFile(self, filepath.Join(at.bin, "yaci-step"), 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(at.seed)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == tokenFile || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := copyFile(filepath.Join(at.seed, e.Name()), filepath.Join(at.bin, e.Name()), 0o644); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(at.bin, "plan.json")); err != nil {
		return fmt.Errorf("the job's Secret is gone: %w", err)
	}
	return nil
}

func copyFile(from, to string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// clone fetches exactly one commit by its id. URL and id come from YACI, and
// still nothing of them can be an option to git: the id is hexadecimal, and the
// URL stands behind a remote's name.
func clone(at layout, remote, sha string) error {
	u, err := url.Parse(remote)
	if err != nil || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return fmt.Errorf("%q is not an http(s) URL without credentials", remote)
	}
	if len(sha) < 40 || strings.Trim(sha, "0123456789abcdef") != "" {
		return fmt.Errorf("%q is not a full commit id", sha)
	}
	token, err := os.ReadFile(filepath.Join(at.seed, tokenFile))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	env := gitEnvironment(at, strings.TrimSpace(string(token)))
	for _, args := range [][]string{
		{"init", "--quiet", at.workspace},
		{"-C", at.workspace, "remote", "add", "origin", u.String()},
		{"-C", at.workspace, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "origin", sha},
		{"-C", at.workspace, "checkout", "--quiet", "--detach", sha},
	} {
		if err := git(env, string(token), args); err != nil {
			return err
		}
	}
	return nil
}

// gitEnvironment holds all that git may know: the token lives here and in no
// file, and neither hooks nor redirects nor prompts are followed.
func gitEnvironment(at layout, token string) []string {
	config := [][2]string{
		{"core.hooksPath", "/dev/null"}, {"protocol.file.allow", "never"}, {"http.followRedirects", "false"},
		{"safe.directory", "*"}, {"core.sharedRepository", "0666"}, {"init.defaultBranch", "main"}, {"advice.detachedHead", "false"},
	}
	if token != "" {
		basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
		config = append(config, [2]string{"http.extraHeader", "Authorization: Basic " + basic})
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + at.bin, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(config))}
	for i, kv := range config {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, kv[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, kv[1]))
	}
	return env
}

// git runs one command; its last words become the error, without the token.
func git(env []string, token string, args []string) error {
	cmd := exec.Command("git", args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	text := strings.TrimPrefix(lines[len(lines)-1], "fatal: ")
	if token = strings.TrimSpace(token); token != "" {
		text = strings.ReplaceAll(text, token, "[token]")
	}
	if text == "" {
		text = err.Error()
	}
	return fmt.Errorf("git: %s", text)
}
