package pipeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
)

// Input is what a run knows about itself. Its strings are data: they become
// values of environment variables and nothing else.
type Input struct {
	RunID, RunURL string
	JobName       string // of the Kubernetes Job, at most 63 characters
	Attempt       int
	Repo          string // owner/name; empty for a command without a repository
	CloneURL      string // without credentials; empty: nothing is cloned
	SHA           string // full
	Ref           string
	Branch        string
	Tag           string
	Event         string
	PR            int
	PRBase        string
	Actor         string
}

// Operator is what the operator of YACI decides about every pod.
type Operator struct {
	Image          string // YACI's own: clone and step runner
	ServiceAccount string
	TimeoutSeconds int64 // of a job
	TTLSeconds     int32 // a finished Job is removed after this
	MemoryRequest  string
	CPURequest     string
	MemoryLimit    string // of each container
	DiskLimit      string // ephemeral storage, of each container and of the workspace
	GraceSeconds   int64  // between TERM and KILL when a run is stopped
	PullPolicy     string // of the steps' images; empty is Kubernetes' default
	RuntimeClass   string // empty is the cluster's default
	UserNamespace  bool   // hostUsers: false
}

// Compiled is one Job and the files that its clone container hands out.
type Compiled struct {
	Job   *batchv1.Job
	Files map[string]string // name to content; they travel in a Secret
	Steps []string          // names as people wrote them, in order; container i is Job's containers[i]
}

// StepPlan is one entry of the file PlanFile, which yaci-step reads.
type StepPlan struct {
	Name   string   `json:"name"`
	Script string   `json:"script"`          // file name
	Needs  []int    `json:"needs"`           // indexes of the steps to wait for
	Shell  []string `json:"shell,omitempty"` // argv in front of the script's path
}

// PlanFile is the name of the plan among Compiled.Files.
const PlanFile = "plan.json"

// Compile makes the Job of a file.
func Compile(file *File, in Input, op Operator) (*Compiled, error) {
	c := &Compiled{Files: map[string]string{}}
	var plan []StepPlan
	for i, s := range file.Steps {
		script := fmt.Sprintf("step-%d.sh", i+1)
		c.Files[script] = s.Run
		c.Steps = append(c.Steps, s.Name)
		plan = append(plan, StepPlan{Name: s.Name, Script: script, Needs: before(i), Shell: []string{"sh", "-e"}})
	}
	data, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	c.Files[PlanFile] = string(data)
	if c.Job, err = job(file, in, op); err != nil {
		return nil, fmt.Errorf("compile %s: %w", in.JobName, err)
	}
	return c, nil
}

// before is the default of needs: the step before, so steps run one after another.
func before(i int) []int {
	if i == 0 {
		return []int{}
	}
	return []int{i - 1}
}

// variables is the environment of one step: YACI's own over the step's over the file's.
func variables(file *File, s Step, in Input) map[string]string {
	env := map[string]string{}
	maps.Copy(env, file.Env)
	maps.Copy(env, s.Env)
	maps.Copy(env, map[string]string{
		"CI": "true", "YACI": "true",
		"YACI_RUN_ID": in.RunID, "YACI_RUN_URL": in.RunURL, "YACI_ATTEMPT": strconv.Itoa(in.Attempt),
		"YACI_JOB": in.JobName, "YACI_WORKSPACE": workspaceDir, "YACI_EVENT": in.Event, "YACI_ACTOR": in.Actor,
	})
	if in.Repo == "" {
		return env
	}
	maps.Copy(env, map[string]string{
		"YACI_REPO": in.Repo, "YACI_SHA": in.SHA, "YACI_REF": in.Ref, "YACI_BRANCH": in.Branch, "YACI_TAG": in.Tag,
		"YACI_PR_NUMBER": "", "YACI_PR_BASE": in.PRBase,
		"GITHUB_SHA": in.SHA, "GITHUB_REF": in.Ref, "GITHUB_REPOSITORY": in.Repo,
		// Git trusts the workspace whatever user the image runs as.
		"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
	})
	if in.PR > 0 {
		env["YACI_PR_NUMBER"] = strconv.Itoa(in.PR)
	}
	return env
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
