package pipeline

import (
	"slices"
	"strings"

	"github.com/yaci-ci/yaci/internal/runner"
)

// foreignKey says what to write instead of keys of other CI services: GitHub Actions, GitLab CI,
// Woodpecker, Drone, CircleCI and Travis. It is used only where a key is unknown.
type foreignKey struct {
	keys     string // separated by spaces
	intended string // the key of YACI whose absence they explain, or ""
	advice   string
}

// findForeignKey returns the entry for a key in a place.
func findForeignKey(key, place string) (f foreignKey, ok bool) {
	all := foreignKeys()
	for _, f := range slices.Concat(all[place], all[""]) {
		if slices.Contains(strings.Fields(f.keys), key) {
			return f, true
		}
	}
	return foreignKey{}, false
}

// foreignKeys returns the entries by place, named as in problems. "" has the keys of any place.
func foreignKeys() map[string][]foreignKey {
	return map[string][]foreignKey{
		"": {
			{"runs-on runs_on container docker executor pool os", "image",
				"each step runs in an image: write image, for example image: golang:1.26"},
			{"environment variables vars environments", "env", "write env: {NAME: value}"},
			{"depends_on depends-on dependencies requires dependsOn", "needs",
				"write needs, with the names of the steps or jobs that must finish first"},
			{"timeout-minutes timeout_minutes timeoutInMinutes", "timeout",
				"write timeout with a unit, for example timeout: 30m"},
			{"continue-on-error continue_on_error failure ignore_failure allow-failure soft_fail", "allow_failure",
				"write allow_failure: true on the step"},
			{"working-directory working_dir workdir workingDirectory directory cwd", "working_directory",
				"write working_directory"},
			{"if only except rules unless condition filters trigger", "when",
				"write on at the top of the file for the whole run, or when on a step, for example when: {branch: " +
					"main, status: always}"},
			{"before_script before_install install setup pre", "", "write these commands as first steps"},
			{"after_script after_success after_failure post", "",
				"write these commands as last steps, with when: {status: always}"},
			{"cache artifacts volumes", "",
				"YACI has no such key: the steps of a job share " + runner.WorkspaceDir + ", and tools belong in the image"},
			{"uses with settings plugin plugins orbs actions", "run",
				"YACI has no actions or plugins: write run with a command, and an image that has the tool; the " +
					"commit is already checked out"},
			{"extends include template defaults default", "",
				"write a YAML anchor under a key such as x-base and merge it: <<: *base"},
			{"permissions labels privileged platform kind type language", "", "YACI has no such key; remove it"},
			{"interruptible", "cancel_superseded", "write cancel_superseded at the top of the file"},
			{"resource_group", "concurrency", "write concurrency: {group: NAME}"},
			{"strategy parallel parallelism", "matrix", "write matrix: {NAME: [values]} on the job itself"},
			{"fail-fast", "", "a failed combination does not stop the others; remove it"},
			{"max-parallel", "concurrency", "write concurrency: {group: NAME, limit: N}"},
			{"stages", "needs", "jobs start together unless they have needs; remove it"},
			{"stage", "needs",
				"jobs start together unless they have needs: write needs, with the names of the jobs that must " +
					"finish first"},
			{"secret from_secret", "secrets", "write secrets: [NAME] on the steps that need it"},
		},
		"the file": {
			{"name run-name", "", "a pipeline has no name of its own; remove it"},
			{"pipeline script commands run command task step", "steps", "write steps, a list of commands"},
			{"workflow", "when",
				"write on at the top of the file for the whole run, or when on a step, for example when: {branch: " +
					"main, status: always}"},
			{"workflows job", "jobs", "write jobs: {NAME: {steps: [...]}}"},
			{"branches", "on", "write on: {push: {branches: [main]}}"},
			{"secrets", "secrets", "write secrets: [NAME] on the steps that need it"},
			{"events triggers", "on", "write on: [push, pull_request]"},
			{"schedule", "", "runs start on events only: push, pull_request and merge_group under on"},
			{"retry", "", "write retry on a step"},
			{"workspace", "", "the workspace is always " + runner.WorkspaceDir + "; remove it"},
			{"push", "on", "write on: {push: {}}"},
			{"pull_request", "on", "write on: {pull_request: {}}"},
			{"allow_failure", "allow_failure", "write allow_failure: true on the step"},
		},
		"a job": {
			{"name", "", "the key under jobs is the name of the job; remove it"},
			{"script commands run command step task", "steps", "write steps, a list of commands"},
			{"secrets", "secrets", "write secrets: [NAME] on the steps that need it"},
			{"retry", "", "write retry on a step"},
			{"allow_failure", "allow_failure", "write allow_failure: true on the step"},
			{"on", "", "on belongs at the top of the file; write when on a step to run it for some events only"},
			{"outputs", "",
				"jobs cannot pass files or values to each other; put the steps into one job, where they " +
					"share " + runner.WorkspaceDir},
			{"tags", "", "a job cannot choose its nodes; remove it"},
			{"dist", "image", "each step runs in an image: write image, for example image: golang:1.26"},
			{"branches", "when",
				"write on at the top of the file for the whole run, or when on a step, for example when: {branch: " +
					"main, status: always}"},
			{"cancel_superseded", "", "cancel_superseded belongs at the top of the file, and applies to all jobs"},
		},
		"a step": {
			{"commands script cmd task bash sh", "run", "write run, with one script: run: |"},
			{"command exec entrypoint", "run", "write run; as a list it needs no shell: run: [prog, arg]"},
			{"id displayName label", "name", "write name"},
			{"detach", "", "write it under services, which run next to the steps"},
			{"services", "", "services belong to the job, beside steps"},
			{"clone", "", "clone belongs to the job, beside steps: the commit is cloned once for all of them"},
			{"concurrency", "", "concurrency belongs to the job, beside steps"},
			{"pull", "", "YACI has no such key; remove it"},
			{"group", "needs", "write needs, with the names of the steps or jobs that must finish first"},
			{"matrix", "", "matrix belongs to the job, beside steps"},
			{"retries attempts", "retry", "write retry: {attempts: 2}"},
			{"branches branch event on status paths", "when",
				"write on at the top of the file for the whole run, or when on a step, for example when: {branch: " +
					"main, status: always}"},
		},
		"a service": {
			{"ports", "", "services listen on localhost; remove it, and write ready: {tcp: PORT} to wait for one"},
			{"environment variables", "env", "write env: {NAME: value}"},
			{"alias hostname", "name", "write name; services are on localhost"},
			{"commands run script", "command", "write command, a list"},
			{"options", "ready", "write ready: {tcp: PORT} to wait for a service"},
			{"healthcheck health_cmd", "ready", "write ready: {tcp: PORT}"},
			{"credentials volumes network", "", "YACI has no such key; remove it"},
			{"secrets", "", "services get no secrets; write env with a value that only this run uses"},
		},
		"on": {
			{"workflow_dispatch manual web", "", "remove it; yaci run BRANCH starts a run of a branch"},
			{"schedule cron", "",
				"runs start on push, pull_request and merge_group; call yaci run BRANCH from a cron job"},
			{"release tag tags create", "push", `write push: {tags: ["v*"]}`},
			{"branches", "push", "write push: {branches: [main]}"},
			{"pull_request_target", "pull_request", "write pull_request; runs of forks get no secrets"},
			{"merge_request merge_requests", "pull_request", "write pull_request"},
			{"workflow_call workflow_run repository_dispatch issue_comment check_run", "",
				"YACI has no such key; remove it"},
		},
		"push": {
			{"paths-ignore paths_ignore", "paths",
				`write paths with patterns that exclude, for example paths: ["**", "!docs/**"]`},
			{"branches-ignore branches_ignore", "branches",
				`write branches with patterns that exclude, for example branches: ["**", "!wip/**"]`},
			{"tags-ignore tags_ignore", "tags",
				`write tags with patterns that exclude, for example tags: ["*", "!*-rc*"]`},
			{"changes", "paths", "write paths"},
			{"types", "", "pushes have no types; remove it"},
		},
		"pull_request": {
			{"paths-ignore paths_ignore", "paths",
				`write paths with patterns that exclude, for example paths: ["**", "!docs/**"]`},
			{"branches-ignore branches_ignore", "branches",
				`write branches with patterns that exclude, for example branches: ["**", "!wip/**"]`},
			{"changes", "paths", "write paths"},
			{"actions", "types", "write types"},
			{"tags", "", "pull requests have no tags; write tags under push"},
		},
		"when": {
			{"ref", "branch", "write branch, or event: tag"},
			{"tag", "event", "write event: tag"},
			{"changes", "paths", "write paths"},
			{"if evaluate", "", "write event, branch, paths or status"},
			{"cron instance repo matrix", "", "YACI has no such key; remove it"},
		},
		"resources": {
			{"requests limits", "", "write cpu and memory here, like resources: {cpu: 500m, memory: 1Gi}"},
		},
		"clone": {
			{"fetch-depth fetch_depth", "depth", "write depth"},
			{"recursive", "submodules", "write submodules: true"},
			{"skip disable", "", "write clone: false"},
		},
		"concurrency": {
			{"cancel-in-progress", "", "write cancel_superseded at the top of the file"},
		},
	}
}
