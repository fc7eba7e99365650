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
	Env        map[string]string `placeholder:"NAME=VALUE" mapsep:"none" help:"A variable for all steps, secrets too; who may read Jobs in the namespace can see it."`
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
  yaci exec --env API_KEY="$(cat key)"`
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
	if err := file.Pick(e.Step, e.Matrix); err != nil {
		return err
	}
	if err := e.fill(file); err != nil {
		return err
	}
	state, err := server.Exec(ctx, server.Execution{Kubeconfig: e.Kubeconfig, Namespace: e.Namespace, Pods: e.Pods, File: file, Dir: filepath.Dir(e.File)}, out.stdout, out.stderr)
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

// fill gives the steps the variables of --env, and asks for the secrets that are not among them.
func (e execute) fill(file *pipeline.File) error {
	for _, j := range file.Jobs {
		for _, s := range j.Steps {
			for name, value := range e.Env {
				s.Env[name] = value
			}
			s.Secrets = slices.DeleteFunc(slices.Clone(s.Secrets), func(name string) bool { _, ok := e.Env[name]; return ok })
			if len(s.Secrets) > 0 && (len(e.Step) == 0 || slices.Contains(e.Step, s.Name)) {
				return fmt.Errorf("step %q needs the secret %s: give it with --env %s=VALUE, or name the steps to run with --step", s.Name, strings.Join(s.Secrets, ", "), s.Secrets[0])
			}
			s.Secrets = nil
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
