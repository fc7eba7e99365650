package pipeline

import "github.com/yaci-ci/yaci/internal/runner"

// What users of this package outside of YACI have to know of the protocol with the
// runner. Inside of YACI, internal/runner is used.
const (
	PlanFile       = runner.PlanFile       // name of the plan among Compiled.Files
	CloneContainer = runner.CloneContainer // name of the container that fetches the commit
	ImageCommand   = runner.ImageCommand   // last word of the command of a step without run
	LabelManaged   = runner.LabelManagedBy // label of what YACI made; its value is Manager
	LabelRun       = runner.LabelRun       // label with the run's id
	Manager        = runner.Manager
)
