package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

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
	Repo   []string `required:"" help:"Repository (owner/name, owner/* or its numeric id)."`
	Event  []string `enum:"push,tag,pull_request,merge_group" help:"Event; default: push. Forks never get a secret."`
	Branch []string `help:"Branch, or a glob; default: the repository's default branch."`
}

func (g granted) grant() server.Grant {
	return server.Grant{Repositories: g.Repo, Events: g.Event, Branches: g.Branch}
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
	if value = bytes.TrimSuffix(value, []byte("\n")); err == nil && len(value) == 0 {
		err = errors.New("give the value on standard input, as in: yaci secret set NAME --repo owner/name < file")
	}
	if err != nil {
		return err
	}
	cluster, err := s.open()
	if err != nil {
		return err
	}
	id, err := cluster.Set(ctx, c.Name, value, c.grant())
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
func (c secretGrant) Run(ctx context.Context, s *secret) error {
	cluster, err := s.open()
	if err != nil {
		return err
	}
	return cluster.Regrant(ctx, c.ID, c.grant())
}
