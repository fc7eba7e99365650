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
	MaxRunBytes    = 16 << 20  // of all jobs of a run, as they are stored and sent
	MaxAskedImages = 20        // of the steps without run: their ENTRYPOINT is asked for at a registry
	MaxNameRunes   = 300
	MaxPatterns    = 2_000 // of a file
	maxPathBytes   = 1000
	maxCPU         = "100k" // cores of a container
	maxBytes       = "1Pi"  // of its memory and its disk
	minBytes       = "1Mi"
	maxDepth       = 32
	maxNodes       = 20_000 // aliases and merges filled in
)

// Budgets bound work whose amount does not show in a file's size. They are
// counted in units and not in time, so that tests can count too.
const (
	maxFilledBytes    = 4 << 20     // bytes made by filling in matrix values
	maxMatchWork      = 500_000_000 // see matchWork
	maxProblems       = 50          // that are shown
	maxFound          = 200         // that are looked for
	maxProblemBytes   = 300
	maxQuotedBytes    = 160      // of a value that a problem repeats
	maxListed         = 200      // values of a list of words or numbers
	maxWordsBytes     = 64 << 10 // of a command that is a list
	maxPatternBytes   = 500
	maxAlternatives   = 64  // that the braces of one pattern stand for
	maxMatrixRules    = 200 // include and exclude
	maxMatrixNames    = 50  // variables of a combination
	maxMatrixValue    = 1 << 10
	maxLabelBytes     = 300
	maxLabelWordBytes = 80
	// What a step, a variable and a service cost beside their text, as stored.
	stepBytes     = 3_000
	variableBytes = 100
)
