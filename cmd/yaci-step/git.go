package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"
)

// repository is the workspace and how its git is called.
type repository struct {
	dir, home string
	url       *url.URL // of origin; nil: nothing is fetched
	access    access
	lfs       bool
	stdin     io.Reader
	wait      func(time.Duration)

	defaultBranch string // of origin, once it is known
	notes         []string
}

// note keeps what an operator should know about a clone that goes on.
func (g *repository) note(text string) { g.notes = append(g.notes, text) }

// git runs one command; its complaints become the error, without the token.
func (g *repository) git(args ...string) error {
	out, err := g.command(args...).CombinedOutput()
	return g.failure(string(out), err)
}

// output is git for a command whose standard output is wanted.
func (g *repository) output(args ...string) (string, error) {
	var stdout, stderr strings.Builder
	cmd := g.command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	return stdout.String(), g.failure(stderr.String(), err)
}

func (g *repository) command(args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir = g.dir
	cmd.Env, cmd.Stdin = g.environment(), g.stdin
	return cmd
}

// failure is a failed command's error.
func (g *repository) failure(out string, err error) error {
	if err == nil {
		return nil
	}
	text := complaints(out)
	if text == "" {
		text = err.Error()
	}
	return &gitError{text: g.access.hide(text), output: g.access.hide(out)}
}

// gitError is what git and its helpers said. Its text is a sentence or three;
// the output is whole.
type gitError struct{ text, output string }

func (e *gitError) Error() string { return "git: " + e.text }

// maxComplaints is how many lines of a command's output an error has.
const maxComplaints = 3

// complaints are the lines in which git, or Git LFS, says what is wrong, or the
// last line when there are none. LFS's own words come first: git knows only that
// its filter failed.
func complaints(out string) string {
	var lfs, git []string
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, line := range lines {
		line = strings.TrimPrefix(strings.TrimSpace(line), "remote: ")
		if text, ok := lfsComplaint(line); ok {
			lfs = append(lfs, text)
			continue
		}
		for _, prefix := range []string{"fatal: ", "error: "} {
			if text, ok := strings.CutPrefix(line, prefix); ok {
				git = append(git, text)
			}
		}
	}
	all := append(lfs, git...)
	if len(all) == 0 {
		return lines[len(lines)-1]
	}
	return strings.Join(all[:min(len(all), maxComplaints)], "; ")
}

// lfsComplaint reports whether Git LFS printed this line, and what it says.
func lfsComplaint(line string) (text string, ok bool) {
	for _, prefix := range []string{"batch response: ", "Smudge error: ", "Error downloading object: ", "LFS: "} {
		if strings.HasPrefix(line, prefix) {
			return "Git LFS: " + line, true
		}
	}
	return "", false
}

// environment holds all that git may know. The token lives here and in no file,
// and goes to repositories that it can read alone. It is sent to origin at once, so
// redirects of origin are refused. Those of submodules, such as of a renamed
// repository, are followed: the credential helper is asked for the new address.
// Hooks and prompts are off.
func (g *repository) environment() []string {
	config := [][2]string{
		{"core.hooksPath", "/dev/null"}, {"protocol.file.allow", "never"}, {"http.followRedirects", "initial"},
		{"safe.directory", "*"}, {"init.defaultBranch", "main"}, {"advice.detachedHead", "false"},
		{"user.name", "YACI"}, {"user.email", "yaci@localhost"}, {"commit.gpgSign", "false"},
	}
	if g.url != nil {
		config = append(config, g.sshAsHTTP()...)
		for _, address := range g.originAddresses() {
			config = append(config, [2]string{"http." + address + ".followRedirects", "false"})
		}
		config = append(config, g.credentials()...)
	}
	if g.lfs {
		// Git LFS finds its server by itself: a submodule has another one, and .lfsconfig may name one.
		config = append(config, [][2]string{
			{"filter.lfs.process", "git-lfs filter-process"}, {"filter.lfs.smudge", "git-lfs smudge -- %f"},
			{"filter.lfs.clean", "git-lfs clean -- %f"}, {"filter.lfs.required", "true"},
		}...)
	}
	env := append(g.access.environment(), "PATH="+os.Getenv("PATH"), "HOME="+g.home, "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(config)))
	for i, kv := range config {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, kv[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, kv[1]))
	}
	return env
}

// site is where origin's host serves repositories, with a slash at the end.
func (g *repository) site() string { return g.url.Scheme + "://" + g.url.Host + "/" }

// sshAsHTTP has addresses for ssh of origin's own host fetched by HTTP, as there
// is no ssh key in the pod.
func (g *repository) sshAsHTTP() (config [][2]string) {
	host := g.url.Hostname()
	from := []string{
		"git@" + host + ":",
		"ssh://git@" + host + "/",
		"ssh://git@" + host + ":22/",
		"git+ssh://git@" + host + "/",
		"git://" + host + "/",
	}
	if host == "github.com" { // docs.github.com, "Using SSH over the HTTPS port"
		from = append(from, "ssh://git@ssh.github.com:443/", "ssh://git@ssh.github.com/")
	}
	for _, prefix := range from {
		config = append(config, [2]string{"url." + g.site() + ".insteadOf", prefix})
	}
	return config
}

// originAddresses are the addresses of origin in git's configuration.
func (g *repository) originAddresses() []string {
	plain := strings.TrimSuffix(g.url.String(), ".git")
	return []string{plain, plain + ".git"}
}

// credentials are how git gets at the token: for origin it is sent at once, for
// others that it can read when the server asks (credential.go).
func (g *repository) credentials() (config [][2]string) {
	if g.access.token == "" {
		return nil
	}
	header := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(tokenUser+":"+g.access.token))
	for _, address := range g.originAddresses() {
		config = append(config, [2]string{"http." + address + ".extraHeader", header})
	}
	helper := credentialHelper()
	if helper != "" && len(g.access.repositories) > 0 {
		config = append(config, [2]string{"credential.useHttpPath", "true"},
			[2]string{"credential." + strings.TrimSuffix(g.site(), "/") + ".helper", helper})
	}
	return config
}
