package pipeline

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/runner"
)

// variables returns the environment variables that YACI sets for every step of a run.
func (in Input) variables() Env {
	env := Env{
		"CI":             "true",
		"YACI":           "true",
		"YACI_RUN_ID":    in.RunID,
		"YACI_RUN_URL":   in.RunURL,
		"YACI_ATTEMPT":   strconv.Itoa(in.Attempt),
		"YACI_WORKSPACE": runner.WorkspaceDir,
		"YACI_EVENT":     in.Event,
		"YACI_ACTOR":     in.Actor,

		// Git trusts the workspace whatever user the image runs as.
		"GIT_CONFIG_COUNT":   "1",
		"GIT_CONFIG_KEY_0":   "safe.directory",
		"GIT_CONFIG_VALUE_0": "*",
	}
	if in.Repo == "" {
		return env
	}

	pr := ""
	if in.PR > 0 {
		pr = strconv.Itoa(in.PR)
	}
	maps.Copy(env, Env{
		"YACI_REPO":         in.Repo,
		"YACI_SHA":          in.SHA,
		"YACI_REF":          in.Ref,
		"YACI_BRANCH":       in.Branch,
		"YACI_TAG":          in.Tag,
		"YACI_PR_NUMBER":    pr,
		"YACI_PR_BASE":      in.PRBase,
		"GITHUB_SHA":        in.SHA,
		"GITHUB_REF":        in.Ref,
		"GITHUB_REPOSITORY": in.Repo,
	})
	return env
}

// withSafeDirectory adds YACI's safe.directory entry after the entries of git's configuration that a
// file sets by the same variables. The file's entries stay, and git trusts the workspace.
func withSafeDirectory(env, fileEnv Env) Env {
	index := 0
	if count := fileEnv["GIT_CONFIG_COUNT"]; count != "" {
		var err error
		index, err = strconv.Atoi(count)
		if err != nil || index < 0 || index > maxGitConfig {
			return env // git rejects it with its own message
		}
	}
	for fileEnv["GIT_CONFIG_KEY_"+strconv.Itoa(index)] != "" && index <= maxGitConfig {
		index++
	}
	number := strconv.Itoa(index)
	env["GIT_CONFIG_COUNT"] = strconv.Itoa(index + 1)
	env["GIT_CONFIG_KEY_"+number] = "safe.directory"
	env["GIT_CONFIG_VALUE_"+number] = "*"
	return env
}

// maxGitConfig is more entries than fit into the env of a step.
const maxGitConfig = 1000

// expand returns a copy of c with variables such as $YACI_BRANCH expanded in the group, which is only
// compared and never executed. A nil c stays nil.
func (c *Concurrency) expand(in Input) *Concurrency {
	if c == nil {
		return nil
	}
	variables := in.variables()
	return &Concurrency{
		Group: os.Expand(c.Group, func(name string) string { return variables[name] }),
		Limit: c.Limit,
	}
}

// mergeEnv returns the variables of both. Those of above win.
func mergeEnv(below, above Env) Env {
	env := make(Env, len(below)+len(above))
	maps.Copy(env, below)
	maps.Copy(env, above)
	return env
}

// containerEnv returns env as variables of a container, sorted by name.
func containerEnv(env Env) []corev1.EnvVar {
	var vars []corev1.EnvVar
	for _, name := range slices.Sorted(maps.Keys(env)) {
		vars = append(vars, corev1.EnvVar{Name: name, Value: escapeDollars(env[name])})
	}
	return vars
}

// escapeDollars returns s so that Kubernetes passes it on unchanged. It would replace $(NAME), and $$
// by $ (kubernetes.io, "Define dependent environment variables").
func escapeDollars(s string) string { return strings.ReplaceAll(s, "$", "$$") }

// containerArgs returns the arguments of a command, escaped for Kubernetes.
func containerArgs(args []string) (list []string) {
	for _, arg := range args {
		list = append(list, escapeDollars(arg))
	}
	return list
}

// secretEnv returns variables that the kubelet fills from Kubernetes Secrets.
func secretEnv(names []string, granted map[string]SecretRef) []corev1.EnvVar {
	var vars []corev1.EnvVar
	for _, name := range slices.Sorted(slices.Values(names)) {
		ref := granted[name]
		selector := &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: ref.Name},
			Key:                  ref.Key,
		}
		vars = append(vars, corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: selector}})
	}
	return vars
}

// passRuntimeVariables renames the variables that the Go runtime of the runner would read. The runner
// passes them to the step's command under their own names (cmd/yaci-step/environment.go).
func passRuntimeVariables(vars []corev1.EnvVar) []corev1.EnvVar {
	for i := range vars {
		vars[i].Name = runner.PassedName(vars[i].Name)
	}
	return vars
}
