package citest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	zeroSHA   = "0000000000000000000000000000000000000000"
	emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
)

// gitTime bounds one git command.
const gitTime = time.Minute

// gitEnv keeps the machine's git configuration and credentials out.
func gitEnv() []string {
	env := []string{"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C"}
	for _, name := range []string{"PATH", "TMPDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// git runs git in a bare repository and returns what it printed.
func git(dir string, args ...string) (string, error) { return gitInput(dir, nil, args...) }

func gitInput(dir string, stdin []byte, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), gitTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = gitEnv()
	cmd.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// findBackend returns the path of git http-backend.
func findBackend() (string, error) {
	out, err := git("/", "--exec-path")
	if err != nil {
		return "", err
	}
	path := filepath.Join(strings.TrimSpace(out), "git-http-backend")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("git http-backend: %w", err)
	}
	return path, nil
}

// initBare makes a bare repository that behaves like one of GitHub's.
func initBare(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if _, err := git(dir, "init", "--quiet", "--bare", "--initial-branch=main", "."); err != nil {
		return err
	}
	for _, kv := range [][2]string{
		{"http.receivepack", "true"}, {"uploadpack.allowFilter", "true"},
		{"uploadpack.allowAnySHA1InWant", "true"}, {"uploadpack.allowReachableSHA1InWant", "true"},
		{"receive.hideRefs", "refs/pull"}, {"gc.auto", "0"}, {"receive.autogc", "false"},
		{"user.name", "GitHub"}, {"user.email", "noreply@github.com"},
	} {
		if _, err := git(dir, "config", kv[0], kv[1]); err != nil {
			return err
		}
	}
	return nil
}

// listRefs returns every ref and what it points to.
func listRefs(dir string) (map[string]string, error) {
	out, err := git(dir, "for-each-ref", "--format=%(objectname) %(refname)")
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		if sha, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			refs[name] = sha
		}
	}
	return refs, nil
}

// commitOf resolves a branch, a tag, a full ref or a SHA to a commit; "" when it names none.
func commitOf(dir, ref string) string {
	if ref == "" || strings.HasPrefix(ref, "-") {
		return ""
	}
	for _, name := range []string{"refs/heads/" + ref, "refs/tags/" + ref, "refs/" + ref, ref} {
		if out, err := git(dir, "rev-parse", "--quiet", "--verify", name+"^{commit}"); err == nil {
			return strings.TrimSpace(out)
		}
	}
	return ""
}
