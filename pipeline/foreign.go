package pipeline

import "github.com/yaci-ci/yaci/internal/runner"

// foreign is what to write instead of a key of another CI: of GitHub Actions,
// GitLab CI, Woodpecker, Drone, CircleCI or Travis. It is asked only for keys that
// are unknown where they stand. means is the YACI key whose absence it explains.
type foreign struct{ means, advice string }

// foreignKeys are by the place as problems name it; "" holds those of any place.
func foreignKeys() map[string]map[string]foreign {
	image := foreign{"image", "each step runs in an image: write image, like image: golang:1.26"}
	env := foreign{"env", "write env: {NAME: value}"}
	needs := foreign{"needs", "write needs, with the names of what must come before"}
	timeout := foreign{"timeout", "write timeout with a unit, like timeout: 30m"}
	allow := foreign{"allow_failure", "write allow_failure: true on the step"}
	dir := foreign{"working_directory", "write working_directory"}
	run := foreign{"run", "write run, with one script: run: |"}
	steps := foreign{"steps", "write steps, a list of commands"}
	when := foreign{
		"when",
		"write on at the top of the file for the whole run, or when on a step, like when: {branch: main, status: always}",
	}
	paths := foreign{"paths", `write paths with patterns that exclude, like paths: ["**", "!docs/**"]`}
	branches := foreign{"branches", `write branches with patterns that exclude, like branches: ["**", "!wip/**"]`}
	tags := foreign{"tags", `write tags with patterns that exclude, like tags: ["*", "!*-rc*"]`}
	before := foreign{"", "write these commands as first steps"}
	after := foreign{"", "write these commands as last steps, with when: {status: always}"}
	cache := foreign{
		"",
		"there is no such key: the steps of a job share " + runner.WorkspaceDir + ", and tools belong into the image",
	}
	none := foreign{"", "there is no such key in YACI; remove it"}
	uses := foreign{
		"run",
		"there are no actions or plugins: write run with a command, and an image that has the tool; the commit is checked out already",
	}
	extends := foreign{"", "write a YAML anchor under a key like x-base and merge it: <<: *base"}
	command := foreign{"run", "write run; as a list it needs no shell: run: [prog, arg]"}
	secrets := foreign{"secrets", "write secrets: [NAME] on the steps that need it"}
	serviceEnv := foreign{"env", "write env: {NAME: value}"}
	return map[string]map[string]foreign{
		"": {
			"runs-on": image, "runs_on": image, "container": image, "docker": image, "executor": image, "pool": image, "os": image,
			"environment": env, "variables": env, "vars": env, "environments": env,
			"depends_on": needs, "depends-on": needs, "dependencies": needs, "requires": needs, "dependsOn": needs,
			"timeout-minutes": timeout, "timeout_minutes": timeout, "timeoutInMinutes": timeout,
			"continue-on-error": allow, "continue_on_error": allow, "failure": allow, "ignore_failure": allow, "allow-failure": allow, "soft_fail": allow,
			"working-directory": dir, "working_dir": dir, "workdir": dir, "workingDirectory": dir, "directory": dir, "cwd": dir,
			"if": when, "only": when, "except": when, "rules": when, "unless": when, "condition": when, "filters": when, "trigger": when,
			"before_script": before, "before_install": before, "install": before, "setup": before, "pre": before,
			"after_script": after, "after_success": after, "after_failure": after, "post": after,
			"cache": cache, "artifacts": cache, "volumes": cache,
			"uses": uses, "with": uses, "settings": uses, "plugin": uses, "plugins": uses, "orbs": uses, "actions": uses,
			"extends": extends, "include": extends, "template": extends, "defaults": extends, "default": extends,
			"permissions": none, "labels": none, "privileged": none, "platform": none, "kind": none, "type": none, "language": none,
			"interruptible":  {"cancel_superseded", "write cancel_superseded at the top of the file"},
			"resource_group": {"concurrency", "write concurrency: {group: NAME}"},
			"strategy":       {"matrix", "write matrix: {NAME: [values]} on the job itself"},
			"parallel":       {"matrix", "write matrix: {NAME: [values]} on the job itself"},
			"parallelism":    {"matrix", "write matrix: {NAME: [values]} on the job itself"},
			"fail-fast":      {"", "combinations of a matrix do not stop each other; remove it"},
			"max-parallel":   {"concurrency", "write concurrency: {group: NAME, limit: N}"},
			"stages":         {"needs", "jobs start together unless they say needs; remove it"},
			"stage": {
				"needs",
				"jobs start together unless they say needs: write needs, with the names of the jobs before",
			},
			"secret": secrets, "from_secret": secrets,
		},
		"the file": {
			"name":     {"", "a pipeline has no name of its own; remove it"},
			"run-name": {"", "a pipeline has no name of its own; remove it"},
			"pipeline": steps, "script": steps, "commands": steps, "run": steps, "command": steps, "task": steps, "step": steps,
			"workflow": when, "workflows": {"jobs", "write jobs: {NAME: {steps: [...]}}"}, "job": {"jobs", "write jobs: {NAME: {steps: [...]}}"},
			"branches":  {"on", "write on: {push: {branches: [main]}}"},
			"secrets":   secrets,
			"events":    {"on", "write on: [push, pull_request]"},
			"triggers":  {"on", "write on: [push, pull_request]"},
			"schedule":  {"", "runs start on events only: push, pull_request and merge_group under on"},
			"retry":     {"", "write retry on a step"},
			"workspace": {"", "the workspace is always " + runner.WorkspaceDir + "; remove it"},
			"push":      {"on", "write on: {push: {}}"}, "pull_request": {"on", "write on: {pull_request: {}}"},
			"allow_failure": allow,
		},
		"a job": {
			"name":   {"", "a job is called as its key under jobs; remove it"},
			"script": steps, "commands": steps, "run": steps, "command": steps, "step": steps, "task": steps,
			"secrets": secrets, "retry": {"", "write retry on a step"}, "allow_failure": allow,
			"on":      {"", "on belongs at the top of the file; write when on a step to run it for some events only"},
			"outputs": {"", "jobs hand nothing over; put the steps into one job, where they share " + runner.WorkspaceDir},
			"tags":    {"", "a job cannot choose its nodes; remove it"},
			"dist":    image, "branches": when,
			"cancel_superseded": {"", "cancel_superseded belongs at the top of the file, and holds for all jobs"},
		},
		"a step": {
			"commands": run, "script": run, "cmd": run, "command": command, "exec": command, "task": run, "bash": run, "sh": run,
			"entrypoint": command,
			"id":         {"name", "write name"}, "displayName": {"name", "write name"}, "label": {"name", "write name"},
			"detach":      {"", "write it under services, which run beside the steps"},
			"services":    {"", "services belong to the job, beside steps"},
			"clone":       {"", "clone belongs to the job, beside steps: the commit is cloned once for all of them"},
			"concurrency": {"", "concurrency belongs to the job, beside steps"},
			"pull":        none, "group": needs, "matrix": {"", "matrix belongs to the job, beside steps"},
			"retries": {"retry", "write retry: {attempts: 2}"}, "attempts": {"retry", "write retry: {attempts: 2}"},
			"branches": when, "branch": when, "event": when, "on": when, "status": when, "paths": when,
		},
		"a service": {
			"ports":       {"", "services are on localhost; remove it, and write ready: {tcp: PORT} to wait for one"},
			"environment": serviceEnv, "variables": serviceEnv,
			"alias": {
				"name",
				"write name; services are on localhost",
			}, "hostname": {"name", "write name; services are on localhost"},
			"commands": {
				"command",
				"write command, a list",
			}, "run": {"command", "write command, a list"}, "script": {"command", "write command, a list"},
			"options": {
				"ready",
				"write ready: {tcp: PORT} to wait for a service",
			}, "healthcheck": {"ready", "write ready: {tcp: PORT}"},
			"health_cmd": {"ready", "write ready: {tcp: PORT}"}, "credentials": none, "volumes": none, "network": none,
			"secrets": {"", "services get no secrets; write env with a value that only this run uses"},
		},
		"on": {
			"workflow_dispatch": {"", "anybody who may can start a run of a branch: yaci run BRANCH; remove it"},
			"manual":            {"", "anybody who may can start a run of a branch: yaci run BRANCH; remove it"},
			"web":               {"", "anybody who may can start a run of a branch: yaci run BRANCH; remove it"},
			"schedule":          {"", "runs start on push, pull_request and merge_group; call yaci run BRANCH from a cron job"},
			"cron":              {"", "runs start on push, pull_request and merge_group; call yaci run BRANCH from a cron job"},
			"release": {
				"push",
				`write push: {tags: ["v*"]}`,
			}, "tag": {"push", `write push: {tags: ["v*"]}`}, "tags": {"push", `write push: {tags: ["v*"]}`},
			"create": {"push", `write push: {tags: ["v*"]}`}, "branches": {"push", "write push: {branches: [main]}"},
			"pull_request_target": {"pull_request", "write pull_request; runs of forks get no secrets"},
			"merge_request": {
				"pull_request",
				"write pull_request",
			}, "merge_requests": {"pull_request", "write pull_request"},
			"workflow_call": none, "workflow_run": none, "repository_dispatch": none, "issue_comment": none, "check_run": none,
		},
		"push": {
			"paths-ignore": paths, "paths_ignore": paths, "branches-ignore": branches, "branches_ignore": branches,
			"tags-ignore": tags, "tags_ignore": tags, "changes": {"paths", "write paths"},
			"types": {"", "pushes have no types; remove it"},
		},
		"pull_request": {
			"paths-ignore": paths, "paths_ignore": paths, "branches-ignore": branches, "branches_ignore": branches,
			"changes": {"paths", "write paths"}, "actions": {"types", "write types"},
			"tags": {"", "pull requests have no tags; write tags under push"},
		},
		"when": {
			"ref": {
				"branch",
				"write branch, or event: tag",
			}, "tag": {"event", "write event: tag"}, "changes": {"paths", "write paths"},
			"if": {"", "write event, branch, paths or status"}, "evaluate": {"", "write event, branch, paths or status"},
			"cron": none, "instance": none, "repo": none, "matrix": none,
		},
		"resources": {
			"requests": {"", "write cpu and memory here, like resources: {cpu: 500m, memory: 1Gi}"},
			"limits":   {"", "write cpu and memory here, like resources: {cpu: 500m, memory: 1Gi}"},
		},
		"clone": {
			"fetch-depth": {
				"depth",
				"write depth",
			}, "fetch_depth": {"depth", "write depth"}, "recursive": {"submodules", "write submodules: true"},
			"skip": {"", "write clone: false"}, "disable": {"", "write clone: false"},
		},
		"concurrency": {
			"cancel-in-progress": {"", "write cancel_superseded at the top of the file"},
		},
	}
}

// foreignKey finds what a key of another CI is called here.
func foreignKey(key, place string) (f foreign, ok bool) {
	all := foreignKeys()
	if f, ok = all[place][key]; ok {
		return f, true
	}
	f, ok = all[""][key]
	return f, ok
}
