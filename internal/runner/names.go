package runner

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// The programs in YACI's image, and their commands.
const (
	ImageDir      = "/usr/local/bin" // of the programs in the image (deploy/Dockerfile)
	Program       = "yaci-step"
	ServerProgram = "yaci"

	PrepareCommand = "prepare"      // of Program: what the clone container runs
	RunCommand     = "run"          // of Program: what the container of a step runs; the step's index follows
	RevokeCommand  = "revoke-token" // of ServerProgram: revokes the token on its standard input

	// ImageCommand is the last word of the container's command if a step has no run. The container's arguments follow
	// it; they are the command of the step.
	ImageCommand = "--"
)

// CloneContainer is the name of the container that fetches the commit.
const CloneContainer = "clone"

// Paths in the pod. A .yaci.yml cannot change them.
const (
	Dir          = "/yaci"         // contains everything but the workspace
	WorkspaceDir = "/workspace"    // the repository
	BinDir       = Dir + "/bin"    // runner, plan and scripts; read-only in steps
	SyncDir      = Dir + "/sync"   // records of the steps; read-only in steps
	OwnDir       = Dir + "/own"    // a step's own part of SyncDir, which only it can write to
	HomesDir     = Dir + "/home"   // homes of users that have none in the image
	SeedDir      = Dir + "/seed"   // token and files; in the clone container only
	VolumeDir    = Dir + "/volume" // the volume of workspace and homes; in the clone container only
)

// Directories that the clone container creates in VolumeDir. Steps mount them by sub-paths, as they do the StepPath in
// SyncDir.
const (
	WorkspacePath = "workspace"
	HomesPath     = "home"
)

// StepPath returns the sub-path of SyncDir that belongs to a step.
func StepPath(index int) string { return strconv.Itoa(index) }

// Files of the job's Secret, besides the scripts that the plan names.
const (
	PlanFile         = "plan.json"
	TokenFile        = "token"
	RepositoriesFile = "repositories" // owner/name, one per line: what the token can read besides the run's repository
)

// Labels of Jobs, pods and Secrets.
const (
	LabelManagedBy    = "app.kubernetes.io/managed-by"
	LabelRun          = "yaci.dev/run"          // the run's id
	LabelInstallation = "yaci.dev/installation" // the installation that created the object

	Manager     = "yaci"      // value of LabelManagedBy for objects of the server
	ExecManager = "yaci-exec" // value of LabelManagedBy for objects of yaci exec, which no server watches

	ManagedSelector = LabelManagedBy + "=" + Manager
)

// PrepareArgs returns the command of the clone container.
func PrepareArgs() []string { return []string{path.Join(ImageDir, Program), PrepareCommand} }

// StepArgs returns the command of a step's container. If image is true, the container's arguments are the command of
// the step.
func StepArgs(index int, image bool) []string {
	args := []string{path.Join(BinDir, Program), RunCommand, strconv.Itoa(index)}
	if image {
		args = append(args, ImageCommand)
	}
	return args
}

// ParseStepArgs parses the arguments of the runner, without its own name, as StepArgs returns them. imageCommand is
// what follows ImageCommand. It returns false for the arguments of another container.
func ParseStepArgs(args []string) (index int, imageCommand []string, ok bool) {
	if len(args) < 2 || args[0] != RunCommand || len(args) > 2 && args[2] != ImageCommand {
		return 0, nil, false
	}
	index, err := strconv.Atoi(args[1])
	return index, args[min(3, len(args)):], err == nil && index >= 0
}

// IsStepCommand reports whether a container's command is the one of a step.
func IsStepCommand(command []string) bool {
	return len(command) > 1 && path.Base(command[0]) == Program && command[1] == RunCommand
}

// RunsImageCommand reports whether a container's command is the one of a step without run.
func RunsImageCommand(command []string) bool {
	return len(command) > 0 && command[len(command)-1] == ImageCommand
}

// passPrefix begins the names of variables that the Go runtime of the runner must not read.
const passPrefix = "YACI_PASS_"

// IsRuntimeVariable reports whether the Go runtime reads a variable. It reads some before main begins, and a malformed
// GOMEMLIMIT ends the process.
func IsRuntimeVariable(name string) bool {
	return slices.Contains([]string{"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK"}, name)
}

// PassedName returns the name under which a variable of the step's command is passed to the runner's container. It is
// another name for variables of the Go runtime.
func PassedName(name string) string {
	if IsRuntimeVariable(name) {
		return passPrefix + name
	}
	return name
}

// CommandName is the inverse of PassedName.
func CommandName(passed string) string {
	name, ok := strings.CutPrefix(passed, passPrefix)
	if ok && IsRuntimeVariable(name) {
		return name
	}
	return passed
}
