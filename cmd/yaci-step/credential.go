package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/yaci-ci/yaci/internal/runner"
)

const tokenUser = "x-access-token"

// access is a token and the repositories that it can read beside origin, whose
// owners have allowed it.
type access struct {
	token        string
	site         string // scheme://host/ that the token is for
	repositories []string
}

// readAccess reads the token and the names that came with it; a public
// repository is cloned without.
func (g *repository) readAccess(seed string) error {
	read := func(name string) (string, error) {
		data, err := os.ReadFile(filepath.Join(seed, name))
		if os.IsNotExist(err) {
			return "", nil
		}
		return strings.TrimSpace(string(data)), err
	}
	token, err := read(runner.TokenFile)
	if err != nil {
		return err
	}
	names, err := read(runner.RepositoriesFile)
	if err != nil {
		return err
	}
	g.access = access{token: token, site: g.site(), repositories: strings.Fields(names)}
	return nil
}

// hide takes the token out of a text.
func (a access) hide(text string) string {
	if a.token == "" {
		return text
	}
	return strings.ReplaceAll(text, a.token, "[token]")
}

// environment is how the credential helper, a process below git, learns of it.
func (a access) environment() []string {
	if a.token == "" || len(a.repositories) == 0 {
		return nil
	}
	return []string{"YACI_CREDENTIAL_TOKEN=" + a.token, "YACI_CREDENTIAL_SITE=" + a.site,
		"YACI_CREDENTIAL_REPOSITORIES=" + strings.Join(a.repositories, " ")}
}

// credentialHelper is the command that git runs for a user and a password
// (git-scm.com/docs/gitcredentials, "Custom helpers"): this program.
func credentialHelper() string {
	self, err := os.Executable()
	if err != nil || strings.Contains(self, "'") {
		return ""
	}
	return "!'" + self + "' credential"
}

// credential answers git's question for the credentials of one repository. It
// says nothing for what the token is not for, and git goes on without.
func credential(in io.Reader, out io.Writer, getenv func(string) string) int {
	asked := map[string]string{}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), "="); ok {
			asked[key] = value
		}
	}
	if asked["protocol"]+"://"+asked["host"]+"/" != getenv("YACI_CREDENTIAL_SITE") {
		return 0
	}
	name := repositoryName(asked["path"])
	same := func(allowed string) bool { return strings.EqualFold(allowed, name) }
	if name == "" || !slices.ContainsFunc(strings.Fields(getenv("YACI_CREDENTIAL_REPOSITORIES")), same) {
		return 0
	}
	if _, err := fmt.Fprintf(out, "username=%s\npassword=%s\n", tokenUser, getenv("YACI_CREDENTIAL_TOKEN")); err != nil {
		return 1
	}
	return 0
}

// repositoryName is owner/name of a path below a site, which may lead on to Git
// LFS; empty when it is none.
func repositoryName(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 2 || parts[0] == "" {
		return ""
	}
	return parts[0] + "/" + strings.TrimSuffix(parts[1], ".git")
}
