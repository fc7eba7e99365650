package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/server"
	"github.com/yaci-ci/yaci/pipeline"
)

// execute runs the working tree.
type execute struct {
	File       string            `short:"f" default:".yaci.yml" help:"File to run."`
	Step       []string          `sep:"none" help:"Run this step alone; may be given several times."`
	Matrix     map[string]string `placeholder:"NAME=VALUE" help:"Run the cells with this value alone, as GO=1.26."`
	Env        map[string]string `placeholder:"NAME=VALUE" mapsep:"none" help:"A variable for all steps; who may read Jobs in the namespace can see it."`
	Secret     []string          `sep:"none" placeholder:"NAME" help:"A secret that steps ask for: its value is that of the environment variable NAME, or of a file with NAME=@FILE. It is in a Secret of the Job's own, and gone with it."`
	JSON       bool              `name:"json" help:"Print an object a line: what a step prints, and how steps and jobs end."`
	Kubeconfig string            `env:"KUBECONFIG" help:"Cluster; default: the current context of ~/.kube/config."`
	Namespace  string            `default:"yaci-builds" env:"YACI_NAMESPACE" help:"Namespace of the Jobs."`
	config.Pods
}

// Help has examples.
func (execute) Help() string {
	return `The working tree, uncommitted changes too, runs as real Jobs in the current kube-context, as a push of the branch that is checked out.
Files that git ignores, submodules and files of Git LFS stay behind. Ctrl-C deletes the Job.

Exit: 0 passed, 2 failed, 5 error or cancelled.

Examples:
  yaci exec
  yaci exec --step test --matrix GO=1.26
  yaci exec --secret API_KEY --secret SIGNING_KEY=@key.pem
  yaci exec --json | jq -r 'select(.line) | .line'`
}

// Run runs, and exits with the outcome.
func (e execute) Run(ctx context.Context, out output) error {
	data, err := os.ReadFile(e.File)
	if err != nil {
		return fmt.Errorf("%w; yaci init writes a first one", err)
	}
	file, err := pipeline.Parse(data)
	if err != nil {
		return e.shown(out, err)
	}
	if err := file.FilterSteps(e.Step, e.Matrix); err != nil {
		return err
	}
	secrets, err := e.secrets()
	if err != nil {
		return err
	}
	if err := e.fill(file, secrets); err != nil {
		return err
	}
	if said := leftBehind(filepath.Dir(e.File)); said != "" {
		fmt.Fprintln(out.stderr, said)
	}
	state, err := server.Exec(ctx, server.Execution{
		Kubeconfig: e.Kubeconfig,
		Namespace:  e.Namespace,
		Pods:       e.Pods,
		File:       file,
		Dir:        filepath.Dir(e.File),
		Secrets:    secrets,
		JSON:       e.JSON,
	}, out.stdout, out.stderr)
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(out.stderr, "\nCancelled; the Job is deleted.")
		return exitCode(5)
	}
	if err != nil {
		return e.shown(out, err)
	}
	return outcome(state)
}

func (e execute) shown(out output, err error) error { return event{File: e.File}.shown(out, err) }

// secrets are the values of --secret.
func (e execute) secrets() (map[string]string, error) {
	values := map[string]string{}
	for _, given := range e.Secret {
		name, path, ok := strings.Cut(given, "=@")
		if ok {
			data, err := os.ReadFile(path)
			if err != nil {
				return nil, fmt.Errorf("--secret %s: %w", name, err)
			}
			values[name] = string(data)
			continue
		}
		values[name], ok = os.LookupEnv(name)
		if !ok || strings.Contains(name, "=") {
			return nil, fmt.Errorf(
				"--secret %.40s: write the name alone, with its value in the environment variable of that name, or NAME=@FILE",
				given,
			)
		}
	}
	return values, nil
}

// fill gives the steps the variables of --env, and asks for the secrets that are
// neither among them nor given.
func (e execute) fill(file *pipeline.File, secrets map[string]string) error {
	for _, j := range file.Jobs {
		for _, s := range j.Steps {
			for name, value := range e.Env {
				s.Env[name] = value
			}
			var asked []string
			for _, name := range s.Secrets {
				_, plain := e.Env[name]
				_, given := secrets[name]
				switch {
				case plain:
				case given:
					asked = append(asked, name)
				case len(e.Step) == 0 || slices.Contains(e.Step, s.Name):
					return fmt.Errorf(
						"step %q needs the secret %s: give it with --secret %s, or name the steps to run with --step",
						s.Name,
						name,
						name,
					)
				}
			}
			s.Secrets = asked
		}
	}
	return nil
}

// outcome is how a command that waits for a run exits.
func outcome(state ci.State) error {
	switch state {
	case ci.Success, ci.Skipped:
		return nil
	case ci.Failure:
		return exitCode(2)
	case ci.Held:
		return exitCode(3)
	}
	return exitCode(5)
}
