package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// repository is the workspace, with the settings of its git commands.
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

// note adds what an operator should know about a clone that continues.
func (g *repository) note(text string) { g.notes = append(g.notes, text) }

// git runs one command. Its error messages become the error, without the token.
func (g *repository) git(args ...string) error {
	out, err := g.command(args...).CombinedOutput()
	return g.wrapError(string(out), err)
}

// output runs one command and returns its standard output.
func (g *repository) output(args ...string) (string, error) {
	var stdout, stderr strings.Builder
	cmd := g.command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	return stdout.String(), g.wrapError(stderr.String(), err)
}

// command returns a git command in the workspace with the environment of this clone only.
func (g *repository) command(args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir = g.dir
	cmd.Env, cmd.Stdin = g.environment(), g.stdin
	return cmd
}

// wrapError returns the error of a command that printed out, or nil.
func (g *repository) wrapError(out string, err error) error {
	if err == nil {
		return nil
	}
	text := errorLines(out)
	if text == "" {
		text = err.Error()
	}
	return &gitError{text: g.access.redact(text), output: g.access.redact(out)}
}

// gitError is the error of a git command. The text has its most important messages; output is
// everything that git and its helpers printed.
type gitError struct{ text, output string }

func (e *gitError) Error() string { return "git: " + e.text }

// maxErrorLines is the number of messages in an error.
const maxErrorLines = 3

// errorLines returns the messages of git or Git LFS about an error, or the last line if there are
// none. Messages of LFS come first, because git only knows that its filter failed.
func errorLines(out string) string {
	var lfs, git []string
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, line := range lines {
		line = strings.TrimPrefix(strings.TrimSpace(line), "remote: ")
		if text, ok := lfsErrorLine(line); ok {
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
	return strings.Join(all[:min(len(all), maxErrorLines)], "; ")
}

// lfsErrorLine returns the error message of Git LFS in a line.
func lfsErrorLine(line string) (text string, ok bool) {
	for _, prefix := range []string{"batch response: ", "Smudge error: ", "Error downloading object: ", "LFS: "} {
		if strings.HasPrefix(line, prefix) {
			return "Git LFS: " + line, true
		}
	}
	return "", false
}

// environment returns the variables of git commands. The token is only in them and in no file, and
// goes only to repositories that it can read. It is sent to origin without being asked for, so
// redirects of origin are refused. Redirects of submodules, for example of a renamed repository,
// are followed: git asks the credential helper for the new address. Hooks and prompts are off.
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
		// Git LFS finds its server itself: that of a submodule differs, and .lfsconfig may name one.
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

// site returns the address of origin's host, with a slash at the end.
func (g *repository) site() string { return g.url.Scheme + "://" + g.url.Host + "/" }

// sshAsHTTP returns settings that fetch ssh addresses on origin's own host by HTTP. The pod has no
// ssh key.
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

// originAddresses returns the addresses of origin in git's configuration.
func (g *repository) originAddresses() []string {
	plain := strings.TrimSuffix(g.url.String(), ".git")
	return []string{plain, plain + ".git"}
}

// credentials returns settings for the token: git sends it to origin at once, and to other
// repositories that it can read when their server asks (credential).
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

// transientErrors returns what git prints if a network or a server fails that may work again soon.
func transientErrors() []string {
	return []string{
		"RPC failed", "early EOF", "hung up unexpectedly", "unexpected disconnect", "expected 'packfile'",
		"Could not resolve", "Failed to connect", "Couldn't connect", "onnection ", "imed out", "imeout",
		"Empty reply", "transfer closed", "too slow", "Recv failure", "Send failure", "SSL_", "TLS", "HTTP/2",
		"returned error: 408", "returned error: 429", "returned error: 5",
	}
}

// replicationLagErrors returns what git prints if one of GitHub's replicas does not know a commit, a
// repository or a token yet.
func replicationLagErrors() []string {
	return []string{
		"not our ref", "couldn't find remote ref", "not found", "could not read Username", "Authentication failed",
		"returned error: 403",
	}
}

// retryDelays returns how long to wait before each further attempt of a command that failed with a
// message. It returns nil for an error that will not go away.
func retryDelays(message string) []time.Duration {
	if delays := transientDelays(message); delays != nil {
		return delays
	}
	if containsAny(message, replicationLagErrors()) {
		return []time.Duration{time.Second, 4 * time.Second}
	}
	return nil
}

// transientDelays is retryDelays for transient errors only: errors of access are final.
func transientDelays(message string) []time.Duration {
	if containsAny(message, transientErrors()) {
		return []time.Duration{time.Second, 4 * time.Second, 15 * time.Second, 40 * time.Second}
	}
	return nil
}

func containsAny(message string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(message, part) })
}

// gitRemote runs a git command that talks to a server. It retries after errors that may go away.
func (g *repository) gitRemote(args ...string) error { return g.retry(retryDelays, args...) }

// retry runs a git command, and runs it again after each of the delays for the error.
func (g *repository) retry(delaysFor func(message string) []time.Duration, args ...string) error {
	for attempt := 0; ; attempt++ {
		err := g.git(args...)
		if err == nil {
			return nil
		}
		delays := delaysFor(err.Error())
		if attempt >= len(delays) {
			if attempt > 0 {
				err = fmt.Errorf("%w (tried %d times)", err, attempt+1)
			}
			return err
		}
		g.note("fetched again after " + err.Error())
		g.wait(delays[attempt])
	}
}
