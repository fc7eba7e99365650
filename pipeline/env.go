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

// own are the variables that YACI gives to every step of a run.
func (in Input) own() Env {
	env := Env{
		"CI": "true", "YACI": "true",
		"YACI_RUN_ID": in.RunID, "YACI_RUN_URL": in.RunURL, "YACI_ATTEMPT": strconv.Itoa(in.Attempt),
		"YACI_WORKSPACE": runner.WorkspaceDir, "YACI_EVENT": in.Event, "YACI_ACTOR": in.Actor,
		// Git trusts the workspace whatever user the image runs as.
		"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
	}
	if in.Repo == "" {
		return env
	}
	maps.Copy(env, Env{
		"YACI_REPO": in.Repo, "YACI_SHA": in.SHA, "YACI_REF": in.Ref, "YACI_BRANCH": in.Branch, "YACI_TAG": in.Tag,
		"YACI_PR_NUMBER": "", "YACI_PR_BASE": in.PRBase,
		"GITHUB_SHA": in.SHA, "GITHUB_REF": in.Ref, "GITHUB_REPOSITORY": in.Repo,
	})
	if in.PR > 0 {
		env["YACI_PR_NUMBER"] = strconv.Itoa(in.PR)
	}
	return env
}

// withGitConfig adds YACI's entry of git's configuration behind those that a
// file sets in the same way, so that the file's hold and the workspace stays safe.
func withGitConfig(env, ofFile Env) Env {
	count, index := ofFile["GIT_CONFIG_COUNT"], 0
	if count != "" {
		var err error
		index, err = strconv.Atoi(count)
		if err != nil || index < 0 || index > maxGitConfig {
			return env // git refuses it with a sentence of its own
		}
	}
	for ofFile["GIT_CONFIG_KEY_"+strconv.Itoa(index)] != "" && index <= maxGitConfig {
		index++
	}
	number := strconv.Itoa(index)
	env["GIT_CONFIG_COUNT"] = strconv.Itoa(index + 1)
	env["GIT_CONFIG_KEY_"+number], env["GIT_CONFIG_VALUE_"+number] = "safe.directory", "*"
	return env
}

// maxGitConfig is more entries than fit into the env of a step.
const maxGitConfig = 1000

// filled is a concurrency group with $YACI_BRANCH and the like filled in. It is a key, nothing is run from it.
func (c *Concurrency) filled(in Input) *Concurrency {
	if c == nil {
		return nil
	}
	own := in.own()
	return &Concurrency{Group: os.Expand(c.Group, func(name string) string { return own[name] }), Limit: c.Limit}
}

// environment keeps values as they are: Kubernetes would rewrite $(NAME) and
// reads $$ as one $ (kubernetes.io, "Define dependent environment variables").
func environment(env Env) []corev1.EnvVar {
	var vars []corev1.EnvVar
	for _, k := range slices.Sorted(maps.Keys(env)) {
		vars = append(vars, corev1.EnvVar{Name: k, Value: literal(env[k])})
	}
	return vars
}

func literal(s string) string { return strings.ReplaceAll(s, "$", "$$") }

// literals returns words of a command that Kubernetes hands over as they are.
func literals(words []string) (list []string) {
	for _, w := range words {
		list = append(list, literal(w))
	}
	return list
}

// secrets are variables whose values only the kubelet reads.
func secrets(names []string, granted map[string]SecretRef) []corev1.EnvVar {
	var vars []corev1.EnvVar
	for _, name := range slices.Sorted(slices.Values(names)) {
		ref := granted[name]
		vars = append(vars, corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: ref.Name}, Key: ref.Key,
		}}})
	}
	return vars
}

// passRuntimeVariables renames the variables that the runtime of yaci-step, a Go
// program, would obey itself. It gives them to the step's command under their own
// names (cmd/yaci-step/environment.go).
func passRuntimeVariables(vars []corev1.EnvVar) []corev1.EnvVar {
	for i := range vars {
		vars[i].Name = runner.PassedName(vars[i].Name)
	}
	return vars
}
