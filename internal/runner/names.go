package runner

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// Programs of YACI's image, and their commands.
const (
	ImageDir      = "/usr/local/bin" // of the programs in the image (deploy/Dockerfile)
	Program       = "yaci-step"
	ServerProgram = "yaci"

	PrepareCommand = "prepare"      // of Program: what the clone container runs
	RunCommand     = "run"          // of Program: what the container of a step runs; the step's index follows
	RevokeCommand  = "revoke-token" // of ServerProgram: revokes the token on its standard input

	// ImageCommand is the last word of the command of a step without run. The
	// container's arguments follow it, and they are what the step runs.
	ImageCommand = "--"
)

// CloneContainer is the name of the container that fetches the commit.
const CloneContainer = "clone"

// Paths in the pod. No file can change them.
const (
	Dir          = "/yaci"         // contains all but the workspace
	WorkspaceDir = "/workspace"    // the repository
	BinDir       = Dir + "/bin"    // runner, plan and scripts; read-only in steps
	SyncDir      = Dir + "/sync"   // hand-over between steps; read-only in steps
	OwnDir       = Dir + "/own"    // a step's own part of SyncDir, which it alone can write to
	HomesDir     = Dir + "/home"   // homes of users to whom the image gives none
	SeedDir      = Dir + "/seed"   // token and files; in the clone container only
	VolumeDir    = Dir + "/volume" // the volume of workspace and homes; in the clone container only
)

// Directories that the clone container makes in a volume, and steps mount by
// sub-paths: two in VolumeDir, and the StepPath of each step in SyncDir.
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
	RepositoriesFile = "repositories" // owner/name, one a line: what the token can read besides the run's repository
)

// Labels of Jobs, pods and Secrets.
const (
	LabelManagedBy    = "app.kubernetes.io/managed-by"
	LabelRun          = "yaci.dev/run"          // the run's id
	LabelInstallation = "yaci.dev/installation" // the installation that made the object

	Manager     = "yaci"      // value of LabelManagedBy of what the server made
	ExecManager = "yaci-exec" // value of LabelManagedBy of what yaci exec made, which no server watches

	ManagedSelector = LabelManagedBy + "=" + Manager
)

// PrepareArgs returns the command of the clone container.
func PrepareArgs() []string { return []string{path.Join(ImageDir, Program), PrepareCommand} }

// StepArgs returns the command of a step's container. With image, the container's
// arguments are what the step runs.
func StepArgs(index int, image bool) []string {
	args := []string{path.Join(BinDir, Program), RunCommand, strconv.Itoa(index)}
	if image {
		args = append(args, ImageCommand)
	}
	return args
}

// ParseStepArgs reads the arguments of the runner, without its own name, as
// StepArgs and the arguments of the container make them. It returns false for
// those that are not a step's.
func ParseStepArgs(args []string) (index int, imageCommand []string, ok bool) {
	if len(args) < 2 || args[0] != RunCommand || len(args) > 2 && args[2] != ImageCommand {
		return 0, nil, false
	}
	index, err := strconv.Atoi(args[1])
	return index, args[min(3, len(args)):], err == nil && index >= 0
}

// IsStepCommand reports whether a container's command is that of a step.
func IsStepCommand(command []string) bool {
	return len(command) > 1 && path.Base(command[0]) == Program && command[1] == RunCommand
}

// RunsImageCommand reports whether a container's command is that of a step without run.
func RunsImageCommand(command []string) bool {
	return len(command) > 0 && command[len(command)-1] == ImageCommand
}

// passPrefix begins the names under which the runner's container gets variables
// that the Go runtime would read.
const passPrefix = "YACI_PASS_"

// IsRuntimeVariable reports whether the Go runtime reads a variable, some before
// main begins: a malformed GOMEMLIMIT ends the process.
func IsRuntimeVariable(name string) bool {
	return slices.Contains([]string{"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK"}, name)
}

// PassedName returns the name under which the runner's container gets a variable
// of the step's command: another one for those of the Go runtime.
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
