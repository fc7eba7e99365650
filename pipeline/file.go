package pipeline

import (
	_ "embed" // for schema.json

	"gopkg.in/yaml.v3"

	"github.com/yaci-ci/yaci/internal/runner"
)

// FileName is the path of the pipeline in a repository.
const FileName = ".yaci.yml"

// File is a parsed .yaci.yml. The yaml tags are its keys; schema.json is generated from them.
type File struct {
	source
	Version          int   `yaml:"version" doc:"Version of the language. Only 1 exists."`
	On               On    `yaml:"on" doc:"Events that start a run. Default: every branch push and every pull request."`
	CancelSuperseded *bool `yaml:"cancel_superseded" doc:"Cancel older runs of the same branch or pull request. Default: true for pull requests, false for branches."`
	Job              `yaml:",inline"`
	Jobs             Jobs `yaml:"jobs" doc:"Several jobs, each in its own pod, instead of top-level steps. The other top-level keys are their defaults."`
}

// On selects the events that start a run. A nil field is an event that the file does not name.
type On struct {
	source
	Push        *PushFilter `yaml:"push" doc:"Pushes to branches, and to tags if tags are listed."`
	PullRequest *PullFilter `yaml:"pull_request" doc:"Pull requests."`
	MergeGroup  *struct{}   `yaml:"merge_group" doc:"Merge groups of a merge queue."`
}

// PushFilter selects pushes. An empty list of branches or paths matches all, an empty list of tags
// matches none.
type PushFilter struct {
	Branches Patterns `yaml:"branches" doc:"Globs of branches. ** matches slashes too, and ! excludes. With tags only, branch pushes start no run."`
	Tags     Patterns `yaml:"tags" doc:"Globs of tags."`
	Paths    Patterns `yaml:"paths" doc:"Globs of paths. At least one changed file must match. The last matching pattern decides; ! excludes."`
}

// PullFilter selects pull requests. Empty lists match all; see decideType for types.
type PullFilter struct {
	Branches Patterns `yaml:"branches" doc:"Globs of base branches."`
	Types    []string `yaml:"types" doc:"Actions of pull request events." enum:"opened,synchronize,reopened,ready_for_review,labeled,unlabeled,edited,closed"`
	Paths    Patterns `yaml:"paths" doc:"Globs of paths. At least one file changed by the whole pull request must match."`
}

// Concurrency limits how many runs of a repository run the jobs of a group at the same time.
type Concurrency struct {
	source
	Group string `yaml:"group" doc:"Name of the group. Variables such as $YACI_BRANCH are expanded."`
	Limit int    `yaml:"limit" doc:"How many runs may run at the same time. Default: 1."`
}

// Job runs in one pod. At the top of a file it is the only job, or has the defaults of all jobs.
type Job struct {
	source
	Name        string       `yaml:"-"` // "" for the only job of a file
	Needs       []string     `yaml:"needs" doc:"Jobs that must finish before this one starts."`
	Image       string       `yaml:"image" doc:"Image of the steps that set none."`
	Shell       Shell        `yaml:"shell" doc:"Shell that runs the scripts: sh (with -e), bash (with -eo pipefail), or a command as a list."`
	Env         Env          `yaml:"env" doc:"Environment variables of every step."`
	User        *User        `yaml:"user" doc:"User id of the steps: 1000, or 1000:1000 with a group. Default: the user of the image. A user for all steps owns the workspace from the start. If steps have different users, each owns the workspace, or can change its files, while it runs."`
	WorkingDir  string       `yaml:"working_directory" doc:"Directory in which the steps start, relative to the workspace. It must exist when a step starts."`
	Quiet       *bool        `yaml:"quiet" doc:"Do not print the scripts of the steps in their logs."`
	Timeout     Duration     `yaml:"timeout" doc:"Time limit of the job, for example 20m."`
	Resources   Resources    `yaml:"resources" doc:"Resources of each step."`
	Clone       Clone        `yaml:"clone" doc:"How the repository is cloned, or false for no clone."`
	Concurrency *Concurrency `yaml:"concurrency" doc:"Limits how many runs of this repository run at the same time in a group."`
	Matrix      *Matrix      `yaml:"matrix" doc:"Variables with lists of values. Creates one job for each combination."`
	Services    []*Service   `yaml:"services" doc:"Containers that run next to the steps and share localhost with them."`
	Steps       []*Step      `yaml:"steps" doc:"Steps, which run one after another."`
	When        JobWhen      `yaml:"when" doc:"Runs the job depending on the result of the jobs that it needs."`

	combination combination // of the matrix
}

// Jobs has the jobs in the order of the file.
type Jobs []*Job

// Step runs in one container.
type Step struct {
	source
	Name         string    `yaml:"name" doc:"Name on pages. Default: the first line of run, or the image and args."`
	Image        string    `yaml:"image" doc:"Image of this step. Without run, the step runs the image's ENTRYPOINT and CMD."`
	Run          Command   `yaml:"run" doc:"A script, or a program and its arguments as a list, which needs no shell."`
	Args         []string  `yaml:"args" doc:"Arguments of the image's ENTRYPOINT instead of the image's CMD, in a step without run. ${{ matrix.NAME }} is expanded. No shell reads them."`
	Shell        Shell     `yaml:"shell" doc:"Shell that runs the script of this step."`
	Env          Env       `yaml:"env" doc:"Environment variables of this step."`
	User         *User     `yaml:"user" doc:"User id of this step. If the previous step ran as root, everything in the workspace becomes this user's. Otherwise this user gets access to its files."`
	WorkingDir   string    `yaml:"working_directory" doc:"Directory in which this step starts, relative to the workspace."`
	Quiet        *bool     `yaml:"quiet" doc:"Do not print the script at the beginning of the log, where pages show it folded."`
	Timeout      Duration  `yaml:"timeout" doc:"Time limit of one attempt."`
	Retry        *Retry    `yaml:"retry" doc:"Runs the step again if it fails."`
	Needs        *[]string `yaml:"needs" doc:"Steps that must finish before this one starts. Default: the previous step. [] starts it at once."`
	AllowFailure bool      `yaml:"allow_failure" doc:"A failure of this step does not fail the job."`
	When         When      `yaml:"when" doc:"Runs the step depending on the event and on previous steps."`
	Secrets      []string  `yaml:"secrets" doc:"Secrets that the step gets as environment variables, if the operator has granted them."`
	Resources    Resources `yaml:"resources" doc:"Resources of this step."`

	after    []int // indexes of the steps in needs
	excluded bool  // by File.FilterSteps
}

// Retry says how often a failed step is run again.
type Retry struct {
	Attempts int   `yaml:"attempts" doc:"Maximum number of attempts, from 2 to 10."`
	OnExit   []int `yaml:"on_exit" doc:"Exit codes after which it is run again. Default: all."`
}

// When selects when a step runs. Empty lists match all.
type When struct {
	source
	Status string   `yaml:"status" doc:"success (default): if all previous steps passed. failure: if one failed. always: in both cases." enum:"success,failure,always"`
	Event  []string `yaml:"event" doc:"Events for which the step runs." enum:"push,tag,pull_request,merge_group,api"`
	Branch Patterns `yaml:"branch" doc:"Globs of the pushed branch, or of the base branch of a pull request."`
	Paths  Patterns `yaml:"paths" doc:"Globs of paths. At least one changed file must match."`
}

// JobWhen selects when a job runs, depending on the jobs that it needs directly or indirectly.
type JobWhen struct {
	source
	Status string `yaml:"status" doc:"success (default): if all needed jobs passed. failure: if at least one did not. always: in both cases." enum:"success,failure,always"`
}

// Service is a container that runs next to the steps.
type Service struct {
	source
	Name      string    `yaml:"name" doc:"Name on pages."`
	Image     string    `yaml:"image" doc:"Image. Its ENTRYPOINT runs unless command is set."`
	Env       Env       `yaml:"env" doc:"Environment variables."`
	Command   []string  `yaml:"command" doc:"Command to run instead of the image's ENTRYPOINT, as a list."`
	Args      []string  `yaml:"args" doc:"Arguments of the image's ENTRYPOINT, or of command, instead of the image's CMD."`
	Resources Resources `yaml:"resources" doc:"Resources of the service."`
	Ready     *Ready    `yaml:"ready" doc:"The first steps wait until the service is ready."`
}

// Ready says when a service is ready.
type Ready struct {
	TCP     int      `yaml:"tcp" doc:"Port on localhost that must accept connections."`
	Timeout Duration `yaml:"timeout" doc:"How long to wait. Default: 60s."`
}

// Resources are those of one container.
type Resources struct {
	source
	CPU    Quantity `yaml:"cpu" doc:"CPU to reserve, for example 500m or 2."`
	Memory Quantity `yaml:"memory" doc:"Memory to reserve, which is also the limit, for example 512Mi."`
	Disk   Quantity `yaml:"disk" doc:"Limit of disk space, for example 10Gi."`
}

// Clone says how the repository is cloned into the workspace.
type Clone struct {
	source
	Off        bool `yaml:"-"`
	Depth      *int `yaml:"depth" doc:"Number of commits of history. 0 fetches everything, with all branches and tags. Default: 1. With more than 1, origin/HEAD and the base branch of a pull request are fetched too."`
	Tags       bool `yaml:"tags" doc:"Fetch all tags, whatever the depth. The tag of a tag event is always fetched."`
	Submodules bool `yaml:"submodules" doc:"Fetch submodules. Those with an ssh address on the same host are fetched by https. Another private repository must allow it: yaci repo allow."`
	LFS        bool `yaml:"lfs" doc:"Fetch files of Git LFS, also in submodules."`
	Merge      bool `yaml:"merge" doc:"Merge a pull request into its base branch before the steps run."`
}

// source has the position of a value in the file, for problems that are found later.
type source struct {
	node     *yaml.Node
	keys     map[string]*yaml.Node
	intended map[string]bool // known keys that unknown ones were probably meant to be
}

func (s *source) setSource(n *yaml.Node, keys map[string]*yaml.Node) {
	s.node = n
	s.keys = keys
}

func (s *source) setIntended(keys map[string]bool) { s.intended = keys }

// at returns the node of a key, or the whole node if the key is not set. It is never nil.
func (s *source) at(key string) *yaml.Node {
	if n := s.keys[key]; n != nil {
		return n
	}
	if s.node == nil {
		return &yaml.Node{Line: 1, Column: 1}
	}
	return s.node
}

// has reports whether the file sets a key, even if only to its zero value.
func (s *source) has(key string) bool { return s.keys[key] != nil }

// isMissing reports whether a key is neither set nor probably meant by an unknown key, which is
// reported already.
func (s *source) isMissing(key string) bool { return !s.has(key) && !s.intended[key] }

// SchemaURL is the path at which the server serves the schema. Editors find it by a comment:
//
//	# yaml-language-server: $schema=https://ci.example.com/schema.json
const SchemaURL = "/schema.json"

//go:embed schema.json
var schema string

// Schema returns the JSON Schema (draft 2020-12) of .yaci.yml. A test compares it with the types of
// this package.
func Schema() string { return schema }

// Parts of the protocol with the runner, for users of this package outside of YACI. Packages of YACI
// use internal/runner.
const (
	PlanFile       = runner.PlanFile       // name of the plan among Compiled.Files
	CloneContainer = runner.CloneContainer // name of the container that fetches the commit
	ImageCommand   = runner.ImageCommand   // last argument in the command of a step without run
	LabelManaged   = runner.LabelManagedBy // label of what YACI created; its value is Manager
	LabelRun       = runner.LabelRun       // label with the run's id
	Manager        = runner.Manager
)
