package pipeline

import "gopkg.in/yaml.v3"

// FileName is where a repository keeps its pipeline.
const FileName = ".yaci.yml"

// File is a parsed .yaci.yml. Its keys are the yaml tags; schema.json is made from them.
type File struct {
	source
	Version          int   `yaml:"version" doc:"Version of the language. 1 is the only one."`
	On               On    `yaml:"on" doc:"Which events start a run. Without it: every branch push and every pull request."`
	CancelSuperseded *bool `yaml:"cancel_superseded" doc:"Cancel older runs of the same branch or pull request. Default: true for pull requests, false for branches."`
	Job              `yaml:",inline"`
	Jobs             Jobs `yaml:"jobs" doc:"Several jobs, each in a pod of its own, instead of top-level steps. The keys beside it are their defaults."`
}

// On says which events start a run. A nil field is an event that was not named.
type On struct {
	source
	Push        *PushFilter `yaml:"push" doc:"Pushes to branches, and to tags when tags are named."`
	PullRequest *PullFilter `yaml:"pull_request" doc:"Pull requests."`
	MergeGroup  *struct{}   `yaml:"merge_group" doc:"Groups of a merge queue."`
}

// PushFilter narrows pushes. Empty patterns match all branches and paths, and no tag.
type PushFilter struct {
	Branches Patterns `yaml:"branches" doc:"Branches, as globs; ** crosses slashes, ! excludes. With tags alone, branch pushes start nothing."`
	Tags     Patterns `yaml:"tags" doc:"Tags, as globs."`
	Paths    Patterns `yaml:"paths" doc:"At least one changed file must match. Later patterns win; ! excludes."`
}

// PullFilter narrows pull requests.
type PullFilter struct {
	Branches Patterns `yaml:"branches" doc:"Branches that the pull request would merge into, as globs."`
	Types    []string `yaml:"types" doc:"Actions on the pull request." enum:"opened,synchronize,reopened,ready_for_review,labeled,unlabeled,edited,closed"`
	Paths    Patterns `yaml:"paths" doc:"At least one file changed by the whole pull request must match."`
}

// Concurrency lets jobs of a group run for at most Limit runs of a repository at once.
type Concurrency struct {
	source
	Group string `yaml:"group" doc:"Name of the group; $YACI_BRANCH and the like are filled in."`
	Limit int    `yaml:"limit" doc:"How many may run at once. Default 1."`
}

// Job is what runs in one pod. At the top of a file it is the only job, or the defaults of all.
type Job struct {
	source
	Name        string       `yaml:"-"` // "" for the only job of a file
	Needs       []string     `yaml:"needs" doc:"Jobs that must have passed before this one starts."`
	Image       string       `yaml:"image" doc:"Image of the steps that name none."`
	Shell       Shell        `yaml:"shell" doc:"What runs the scripts: sh (with -e), bash (with -eo pipefail), or a command as a list."`
	Env         Env          `yaml:"env" doc:"Environment variables of every step."`
	User        *User        `yaml:"user" doc:"User that the steps run as, by number: 1000, or 1000:1000 with a group. Default: the image's own. One user for all steps owns the workspace from the start; when steps have different users, each owns it, or may change its files, while it runs."`
	WorkingDir  string       `yaml:"working_directory" doc:"Directory that the steps start in, relative to the workspace. It must exist when a step starts."`
	Quiet       *bool        `yaml:"quiet" doc:"Do not print the scripts of the steps in their logs."`
	Timeout     Duration     `yaml:"timeout" doc:"Time that the whole job may take, like 20m."`
	Resources   Resources    `yaml:"resources" doc:"What each step may use."`
	Clone       Clone        `yaml:"clone" doc:"How the repository is cloned, or false."`
	Concurrency *Concurrency `yaml:"concurrency" doc:"Runs of this repository that share a group wait for each other."`
	Matrix      *Matrix      `yaml:"matrix" doc:"One job for each combination of these values."`
	Services    []*Service   `yaml:"services" doc:"Containers that run beside the steps; they share localhost with them."`
	Steps       []*Step      `yaml:"steps" doc:"What to run, one after another."`
	When        JobWhen      `yaml:"when" doc:"When the job runs, by what became of the jobs that it needs."`

	cell []variable // of the matrix
}

// Jobs are jobs in the order of the file.
type Jobs []*Job

// Step is one container.
type Step struct {
	source
	Name         string    `yaml:"name" doc:"How people see it. Default: the first line of run, or the image and args."`
	Image        string    `yaml:"image" doc:"Image of this step. Without run, the step runs what the image is made to run: its ENTRYPOINT and CMD."`
	Run          Command   `yaml:"run" doc:"A script for the shell, or a command as a list, which needs no shell."`
	Args         []string  `yaml:"args" doc:"Arguments for the image's ENTRYPOINT instead of the image's CMD, in a step without run. ${{ matrix.NAME }} is filled in; no shell reads them."`
	Shell        Shell     `yaml:"shell" doc:"What runs the script of this step."`
	Env          Env       `yaml:"env" doc:"Environment variables of this step."`
	User         *User     `yaml:"user" doc:"User that this step runs as, by number. When the step before ran as root, everything in the workspace becomes this user's; otherwise its files are open to this user."`
	WorkingDir   string    `yaml:"working_directory" doc:"Directory that this step starts in, relative to the workspace."`
	Quiet        *bool     `yaml:"quiet" doc:"Do not print the script, as it is written here, at the beginning of the log. Pages fold it."`
	Timeout      Duration  `yaml:"timeout" doc:"Time that one attempt may take."`
	Retry        *Retry    `yaml:"retry" doc:"Try again when it fails."`
	Needs        *[]string `yaml:"needs" doc:"Steps that must have ended before. Default: the step before; [] starts at once."`
	AllowFailure bool      `yaml:"allow_failure" doc:"A failure of this step does not fail the job."`
	When         When      `yaml:"when" doc:"When the step runs."`
	Secrets      []string  `yaml:"secrets" doc:"Secrets that it gets as environment variables, if the operator grants them."`
	Resources    Resources `yaml:"resources" doc:"What this step may use."`

	after []int // indexes of the steps in needs
	left  bool  // out by File.Pick
}

// Retry runs a failed step again.
type Retry struct {
	Attempts int   `yaml:"attempts" doc:"How often it runs at most, 2 to 10."`
	OnExit   []int `yaml:"on_exit" doc:"Only after these exit codes."`
}

// When narrows a step. Empty patterns match all.
type When struct {
	source
	Status string   `yaml:"status" doc:"success: all before it passed (default). failure: one failed. always." enum:"success,failure,always"`
	Event  []string `yaml:"event" doc:"Events." enum:"push,tag,pull_request,merge_group,api"`
	Branch Patterns `yaml:"branch" doc:"The pushed branch, or the one that a pull request would merge into."`
	Paths  Patterns `yaml:"paths" doc:"At least one changed file must match."`
}

// JobWhen says when a job runs, by what became of the jobs that it needs, directly or not.
type JobWhen struct {
	source
	Status string `yaml:"status" doc:"success: all passed (default). failure: at least one did not pass. always." enum:"success,failure,always"`
}

// Service is a container beside the steps.
type Service struct {
	source
	Name      string    `yaml:"name" doc:"How people see it."`
	Image     string    `yaml:"image" doc:"Its image, which starts as it is made to start."`
	Env       Env       `yaml:"env" doc:"Environment variables."`
	Command   []string  `yaml:"command" doc:"Command instead of the image's ENTRYPOINT, as a list."`
	Args      []string  `yaml:"args" doc:"Arguments for the image's ENTRYPOINT, or for command, instead of the image's CMD."`
	Resources Resources `yaml:"resources" doc:"What it may use."`
	Ready     *Ready    `yaml:"ready" doc:"The first steps wait until this holds."`
}

// Ready says when a service can be used.
type Ready struct {
	TCP     int      `yaml:"tcp" doc:"A port on localhost that accepts connections."`
	Timeout Duration `yaml:"timeout" doc:"How long to wait. Default 60s."`
}

// Resources are Kubernetes quantities.
type Resources struct {
	source
	CPU    Quantity `yaml:"cpu" doc:"CPU that is reserved: 500m or 2."`
	Memory Quantity `yaml:"memory" doc:"Memory that is reserved, and the most it may use: 512Mi."`
	Disk   Quantity `yaml:"disk" doc:"Disk space that it may use: 10Gi."`
}

// Clone says how the repository gets into the workspace.
type Clone struct {
	source
	Off        bool `yaml:"-"`
	Depth      *int `yaml:"depth" doc:"Number of commits of history; 0 is all of it, with all branches and tags. Default 1. With more than 1, origin/HEAD and the base branch of a pull request are there too."`
	Tags       bool `yaml:"tags" doc:"Fetch all tags, with a depth too. The tag of a tag event is always there; depth 0 fetches all tags and branches."`
	Submodules bool `yaml:"submodules" doc:"Fetch submodules too. ssh addresses of the same host are fetched by https. Another private repository must allow it: yaci repo allow."`
	LFS        bool `yaml:"lfs" doc:"Fetch files of Git LFS too, those of submodules as well."`
	Merge      bool `yaml:"merge" doc:"Run a pull request merged into its base branch."`
}

// source remembers where a value came from, for problems that are found later.
type source struct {
	node  *yaml.Node
	keys  map[string]*yaml.Node
	meant map[string]bool // keys that unknown ones were probably meant to be
}

func (s *source) setSource(n *yaml.Node, keys map[string]*yaml.Node) { s.node, s.keys = n, keys }

func (s *source) setMeant(keys map[string]bool) { s.meant = keys }

// lacks reports whether a key is neither there nor what a wrong one was meant to
// be: what is wrong already needs no second problem.
func (s *source) lacks(key string) bool { return !s.has(key) && !s.meant[key] }

// at is the node of a key, or of the whole when the key is not there.
func (s *source) at(key string) *yaml.Node {
	if n := s.keys[key]; n != nil {
		return n
	}
	if s.node == nil {
		return &yaml.Node{Line: 1, Column: 1}
	}
	return s.node
}

func (s *source) has(key string) bool { return s.keys[key] != nil }
