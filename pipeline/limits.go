package pipeline

// Limits on a file. What is over a limit is refused with its number and the limit.
const (
	MaxFileBytes   = 256 << 10
	MaxJobs        = 50 // of a file, matrix cells counted one by one
	MaxSteps       = 100
	MaxServices    = 10
	MaxCells       = 50
	MaxScriptBytes = 512 << 10 // of all steps of a job; they travel in one Secret of at most 1 MiB
	MaxEnvBytes    = 64 << 10  // of one env
	MaxJobEnvBytes = 512 << 10 // of all steps of a job; a Job must fit in an etcd request
	maxPathBytes   = 1000
	MaxNameRunes   = 300
	maxDepth       = 32
	maxNodes       = 20_000 // aliases and merges filled in
)
