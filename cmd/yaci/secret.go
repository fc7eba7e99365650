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

	"github.com/yaci-ci/yaci/internal/server"
)

// secret is the commands about secrets. They act on the cluster with the caller's own rights.
type secret struct {
	Kubeconfig string `env:"KUBECONFIG" help:"Cluster; default: the pod's own, or ~/.kube/config."`
	Namespace  string `default:"yaci-builds" env:"YACI_NAMESPACE" help:"Namespace of the Jobs."`

	Set   secretSet   `cmd:"" help:"Store a secret; its value comes on standard input."`
	Ls    secretLs    `cmd:"" help:"List secrets, without their values."`
	Rm    secretRm    `cmd:"" help:"Delete a secret."`
	Grant secretGrant `cmd:"" help:"Change who may use a secret."`
}

func (s secret) open() (server.Secrets, error) { return server.OpenSecrets(s.Kubeconfig, s.Namespace) }

// granted are the flags that say who may use a secret.
type granted struct {
	Repo   []string `required:"" help:"Repository: owner/name#id, owner/name, owner/*, or the numeric id alone. A name means the repository that has it now; the server of yaci login is asked for its id."`
	Event  []string `enum:"push,tag,pull_request,merge_group" help:"Event; default: push. Forks never get a secret."`
	Branch []string `help:"Branch, or a glob; default: the repository's default branch."`
}

// grant has the ids of all names that the server knows, so that nobody gets the secret by taking a name.
func (g granted) grant(ctx context.Context, out output) server.Grant {
	repos := slices.Clone(g.Repo)
	known := knownRepos(ctx)
	for i, name := range repos {
		if !strings.Contains(name, "/") || strings.Contains(name, "#") {
			continue
		}
		if id := known[strings.ToLower(name)]; id != 0 {
			repos[i] = fmt.Sprintf("%s#%d", name, id)
		} else if !strings.HasSuffix(name, "/*") {
			fmt.Fprintf(out.stderr, "No server was asked for the id of %s, or it does not know it yet. The name will mean the repository that has it when the "+
				"server first sees this grant; to be sure, write %s#ID.\n", name, name)
		}
	}
	return server.Grant{Repositories: repos, Events: g.Event, Branches: g.Branch}
}

// knownRepos are the ids of the repositories that the server knows, by name in lower case; none without a server.
func knownRepos(ctx context.Context) map[string]int64 {
	c, err := remote{URL: os.Getenv("YACI_URL"), APIToken: os.Getenv("YACI_API_TOKEN")}.server()
	if err != nil {
		return nil
	}
	var answer struct {
		Repos []struct {
			ID   int64  `json:"id"`
			Name string `json:"name"`
		} `json:"repos"`
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := c.Do(ctx, "GET", "/api/v1/repos", nil, &answer); err != nil {
		return nil
	}
	known := map[string]int64{}
	for _, r := range answer.Repos {
		known[strings.ToLower(r.Name)] = r.ID
	}
	return known
}

type secretSet struct {
	Name string `arg:"" help:"Name in the file, and of the variable."`
	granted
}

// Run stores what stands on standard input, without the line feed at its end.
func (c secretSet) Run(ctx context.Context, s *secret, out output) error {
	if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(c.Name) {
		return fmt.Errorf("%q is no name for a variable: use letters, digits and _", c.Name)
	}
	value, err := io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
	value = bytes.TrimSuffix(value, []byte("\n"))
	if err == nil && len(value) == 0 {
		err = errors.New("give the value on standard input, as in: yaci secret set NAME --repo owner/name < file")
	}
	if err != nil {
		return err
	}
	cluster, err := s.open()
	if err != nil {
		return err
	}
	id, err := cluster.Set(ctx, c.Name, value, c.grant(ctx, out))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out.stdout, id)
	return err
}

type secretLs struct{}

// Run lists.
func (secretLs) Run(ctx context.Context, s *secret, out output) error {
	cluster, err := s.open()
	if err != nil {
		return err
	}
	return cluster.List(ctx, out.stdout)
}

type secretRm struct {
	ID string `arg:"" help:"Id, as yaci secret ls shows it."`
}

// Run deletes.
func (c secretRm) Run(ctx context.Context, s *secret) error {
	cluster, err := s.open()
	if err != nil {
		return err
	}
	return cluster.Remove(ctx, c.ID)
}

type secretGrant struct {
	ID string `arg:"" help:"Id, as yaci secret ls shows it."`
	granted
}

// Run replaces the grant.
func (c secretGrant) Run(ctx context.Context, s *secret, out output) error {
	cluster, err := s.open()
	if err != nil {
		return err
	}
	return cluster.Regrant(ctx, c.ID, c.grant(ctx, out))
}
