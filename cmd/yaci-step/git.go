package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// repository is the workspace and how its git is called.
type repository struct {
	dir, url, token, home string
	lfs                   bool
	stdin                 io.Reader
	wait                  func(time.Duration)
	trouble               []string // what was tried again
}

// git runs one command; its last words become the error, without the token.
func (g *repository) git(args ...string) error {
	cmd := exec.Command("git", args...)
	cmd.Dir = g.dir
	cmd.Env, cmd.Stdin = g.environment(), g.stdin
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	text := lastWords(string(out))
	if g.token != "" {
		text = strings.ReplaceAll(text, g.token, "[token]")
	}
	if text == "" {
		text = err.Error()
	}
	return fmt.Errorf("git: %s", text)
}

// lastWords are git's complaints, or its last line when there are none.
func lastWords(out string) string {
	var said []string
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, line := range lines {
		for _, prefix := range []string{"fatal: ", "error: "} {
			if text, ok := strings.CutPrefix(line, prefix); ok && len(said) < 3 {
				said = append(said, text)
			}
		}
	}
	if len(said) == 0 {
		return lines[len(lines)-1]
	}
	return strings.Join(said, "; ")
}

// environment holds all that git may know. The token lives here and in no file,
// and goes to this repository's address alone: not to a submodule's, and not
// where a redirect points. Hooks and prompts are off.
func (g *repository) environment() []string {
	config := [][2]string{
		{"core.hooksPath", "/dev/null"}, {"protocol.file.allow", "never"}, {"http.followRedirects", "false"},
		{"safe.directory", "*"}, {"core.sharedRepository", "0666"}, {"init.defaultBranch", "main"}, {"advice.detachedHead", "false"},
		{"user.name", "YACI"}, {"user.email", "yaci@localhost"}, {"commit.gpgSign", "false"},
	}
	if g.token != "" {
		basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + g.token))
		config = append(config, [2]string{"http." + g.url + ".extraHeader", "Authorization: Basic " + basic})
	}
	if g.lfs {
		config = append(config, [2]string{"filter.lfs.process", "git-lfs filter-process"}, [2]string{"filter.lfs.smudge", "git-lfs smudge -- %f"},
			[2]string{"filter.lfs.clean", "git-lfs clean -- %f"}, [2]string{"filter.lfs.required", "true"}, [2]string{"lfs.url", g.url + "/info/lfs"})
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.home, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(config))}
	for i, kv := range config {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, kv[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, kv[1]))
	}
	return env
}
