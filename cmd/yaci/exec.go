package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/yaci-ci/yaci/internal/admin"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/pipeline"
)

// execute runs the working tree in the cluster.
type execute struct {
	File       string            `short:"f" default:".yaci.yml" help:"File to run."`
	Step       []string          `sep:"none" help:"Run only this step; can be repeated."`
	Matrix     map[string]string `placeholder:"NAME=VALUE" help:"Run only the matrix combinations with this value, for example GO=1.26."`
	Env        map[string]string `placeholder:"NAME=VALUE" mapsep:"none" help:"A variable for all steps. It is visible to everybody who may read Jobs in the namespace."`
	Secret     []string          `sep:"none" placeholder:"NAME" help:"A secret for the steps that name it, with the value of the environment variable NAME, or of a file with NAME=@FILE. It is stored in a Secret that is deleted with the Job."`
	JSON       bool              `name:"json" help:"Print one JSON object per line: the output of steps, and how steps and jobs end."`
	Kubeconfig string            `env:"KUBECONFIG" help:"Cluster; default: the current context of ~/.kube/config."`
	Namespace  string            `default:"yaci-builds" env:"YACI_NAMESPACE" help:"Namespace of the Jobs."`
	config.Pods
}

// Help returns examples.
func (execute) Help() string {
	return `Runs the working tree, including uncommitted changes, as real Jobs in the current kube-context, like a push to
the current branch. Git-ignored files, submodules and Git LFS files are not included. Ctrl-C deletes the Job.

Exit codes: 0 passed, 2 failed, 5 error or cancelled.

Examples:
  yaci exec
  yaci exec --step test --matrix GO=1.26
  yaci exec --secret API_KEY --secret SIGNING_KEY=@key.pem
  yaci exec --json | jq -r 'select(.line) | .line'`
}

// Run runs the file and exits with the state of its worst job.
func (e execute) Run(ctx context.Context, out output) error {
	data, err := os.ReadFile(e.File)
	if err != nil {
		return fmt.Errorf("%w; yaci init writes a first one", err)
	}
	file, err := pipeline.Parse(data)
	if err != nil {
		return printProblems(e.File, err, out)
	}
	if err := file.FilterSteps(e.Step, e.Matrix); err != nil {
		return err
	}
	secrets, err := e.secretValues()
	if err != nil {
		return err
	}
	if err := e.setVariables(file, secrets); err != nil {
		return err
	}
	dir := filepath.Dir(e.File)
	if warning := excludedFiles(dir); warning != "" {
		fmt.Fprintln(out.stderr, warning)
	}
	state, err := admin.Exec(ctx, admin.ExecOptions{
		Kubeconfig: e.Kubeconfig,
		Namespace:  e.Namespace,
		Pods:       e.Pods,
		File:       file,
		Dir:        dir,
		Secrets:    secrets,
		JSON:       e.JSON,
	}, out.stdout, out.stderr)
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(out.stderr, "\nCancelled; the Job is deleted.")
		return exitError
	}
	if err != nil {
		return printProblems(e.File, err, out)
	}
	return exitWith(state)
}

// secretValues returns the values of --secret by name.
func (e execute) secretValues() (map[string]string, error) {
	values := map[string]string{}
	for _, arg := range e.Secret {
		name, path, isFile := strings.Cut(arg, "=@")
		if isFile {
			data, err := os.ReadFile(path)
			if err != nil {
				return nil, fmt.Errorf("--secret %s: %w", name, err)
			}
			values[name] = string(data)
			continue
		}
		value, isSet := os.LookupEnv(arg)
		if !isSet || strings.Contains(arg, "=") {
			const message = "--secret %.40s: write only the name, with the value in the environment variable of that name, " +
				"or NAME=@FILE"
			return nil, fmt.Errorf(message, arg)
		}
		values[arg] = value
	}
	return values, nil
}

// setVariables adds the variables of --env to all steps, and reduces the secrets of each step to those that are given.
// The error names a secret that a step to run needs, and that is neither a variable nor given.
func (e execute) setVariables(file *pipeline.File, secrets map[string]string) error {
	for _, j := range file.Jobs {
		for _, s := range j.Steps {
			for name, value := range e.Env {
				s.Env[name] = value
			}
			var given []string
			for _, name := range s.Secrets {
				_, isVariable := e.Env[name]
				_, isGiven := secrets[name]
				selected := len(e.Step) == 0 || slices.Contains(e.Step, s.Name)
				switch {
				case isVariable:
				case isGiven:
					given = append(given, name)
				case selected:
					return fmt.Errorf("step %q needs the secret %s: pass it with --secret %s, or select other steps with --step",
						s.Name, name, name)
				}
			}
			s.Secrets = given
		}
	}
	return nil
}

// excludedFiles returns a warning about files of the working tree that are not included, or "". Git stores submodules
// and LFS files elsewhere.
func excludedFiles(dir string) string {
	_, err := os.Stat(filepath.Join(dir, ".gitmodules"))
	hasModules := err == nil
	attributes, _ := os.ReadFile(filepath.Join(dir, ".gitattributes")) // without it, there is no LFS
	hasLFS := bytes.Contains(attributes, []byte("filter=lfs"))
	switch {
	case hasModules && hasLFS:
		return "Submodules and Git LFS files are not included: steps see empty directories and pointers."
	case hasModules:
		return "Submodules are not included: steps see empty directories."
	case hasLFS:
		return "Git LFS files are not included: steps see pointers."
	}
	return ""
}
