package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/admin"
)

const (
	maxSecret      = 1 << 20          // bytes of a value
	repoIDsTimeout = 10 * time.Second // for the server to list its repositories
)

// secret has the commands about secrets. They act on the cluster with the caller's own permissions.
type secret struct {
	Kubeconfig string `env:"KUBECONFIG" help:"Cluster; default: the pod's own, or ~/.kube/config."`
	Namespace  string `default:"yaci-builds" env:"YACI_NAMESPACE" help:"Namespace of the Jobs."`

	Set   secretSet   `cmd:"" help:"Store a secret; its value is read from standard input."`
	Ls    secretLs    `cmd:"" help:"List secrets, without their values."`
	Rm    secretRm    `cmd:"" help:"Delete a secret."`
	Grant secretGrant `cmd:"" help:"Change which runs may use a secret."`
}

func (s secret) open() (*admin.Secrets, error) { return admin.OpenSecrets(s.Kubeconfig, s.Namespace) }

// grantFlags say which runs may use a secret.
type grantFlags struct {
	Repo   []string `required:"" help:"Repository: owner/name#id, owner/name, owner/*, or only the id. A name means the repository that has it now; its id is looked up on the server of yaci login."`
	Event  []string `enum:"push,tag,pull_request,merge_group" help:"Event; default: push. Forks never get a secret."`
	Branch []string `help:"Branch or glob; default: the repository's default branch."`
}

// grant returns the flags with the ids of all names that the server knows, so that nobody gets the secret by taking
// over a name. It warns about names without an id.
func (g grantFlags) grant(ctx context.Context, out output) admin.Grant {
	const warning = "The id of %s is unknown: no server was asked, or it has not seen the repository yet. The name will " +
		"mean the repository that has it when the server first sees this grant. To be sure, write %s#ID.\n"

	repos := slices.Clone(g.Repo)
	ids := repoIDs(ctx)
	for i, name := range repos {
		if !strings.Contains(name, "/") || strings.Contains(name, "#") {
			continue // an id
		}
		if id := ids[strings.ToLower(name)]; id != 0 {
			repos[i] = fmt.Sprintf("%s#%d", name, id)
		} else if !strings.HasSuffix(name, "/*") {
			fmt.Fprintf(out.stderr, warning, name, name)
		}
	}
	return admin.Grant{Repositories: repos, Events: g.Event, Branches: g.Branch}
}

// repoIDs returns the ids of the repositories that the server knows, by name in lower case; nil without a server.
func repoIDs(ctx context.Context) map[string]int64 {
	c, err := remote{URL: os.Getenv("YACI_URL"), APIToken: os.Getenv("YACI_API_TOKEN")}.server()
	if err != nil {
		return nil
	}
	var page struct {
		Repos []struct {
			ID   int64  `json:"id"`
			Name string `json:"name"`
		} `json:"repos"`
	}
	ctx, cancel := context.WithTimeout(ctx, repoIDsTimeout)
	defer cancel()
	if err := c.Do(ctx, "GET", "/api/v1/repos", nil, &page); err != nil {
		return nil
	}
	ids := map[string]int64{}
	for _, r := range page.Repos {
		ids[strings.ToLower(r.Name)] = r.ID
	}
	return ids
}

// secretSet stores a secret.
type secretSet struct {
	Name string `arg:"" help:"Name used under secrets: in .yaci.yml and for the environment variable."`
	grantFlags
}

// variableName matches names of environment variables.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Run stores standard input, without a line feed at its end.
func (c secretSet) Run(ctx context.Context, s *secret, out output) error {
	if !variableName.MatchString(c.Name) {
		return fmt.Errorf("%q is not a variable name: use letters, digits and _", c.Name)
	}
	value, err := io.ReadAll(io.LimitReader(os.Stdin, maxSecret))
	if err != nil {
		return err
	}
	value = bytes.TrimSuffix(value, []byte("\n"))
	if len(value) == 0 {
		return errors.New("the value is missing: pass it on standard input, " +
			"as in yaci secret set NAME --repo owner/name < file")
	}
	secrets, err := s.open()
	if err != nil {
		return err
	}
	id, err := secrets.Set(ctx, c.Name, value, c.grant(ctx, out))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out.stdout, id)
	return err
}

// secretLs lists secrets.
type secretLs struct{}

// Run prints a table of all secrets.
func (secretLs) Run(ctx context.Context, s *secret, out output) error {
	secrets, err := s.open()
	if err != nil {
		return err
	}
	return secrets.List(ctx, out.stdout)
}

// secretRm deletes a secret.
type secretRm struct {
	ID string `arg:"" help:"Id of the secret, as yaci secret ls shows it."`
}

// Run deletes the secret.
func (c secretRm) Run(ctx context.Context, s *secret) error {
	secrets, err := s.open()
	if err != nil {
		return err
	}
	return secrets.Remove(ctx, c.ID)
}

// secretGrant replaces the grant of a secret.
type secretGrant struct {
	ID string `arg:"" help:"Id of the secret, as yaci secret ls shows it."`
	grantFlags
}

// Run replaces the grant.
func (c secretGrant) Run(ctx context.Context, s *secret, out output) error {
	secrets, err := s.open()
	if err != nil {
		return err
	}
	return secrets.SetGrant(ctx, c.ID, c.grant(ctx, out))
}
