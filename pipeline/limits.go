package pipeline

// Limits of a file. A problem about a limit names both the limit and the actual number.
const (
	MaxFileBytes    = 256 << 10
	MaxJobs         = 50 // of a file; each combination of a matrix counts
	MaxSteps        = 100
	MaxServices     = 10
	MaxCombinations = 50
	MaxScriptBytes  = 512 << 10 // of all steps of a job: they share one Secret, which holds at most 1 MiB
	MaxEnvBytes     = 64 << 10  // of one env
	MaxJobEnvBytes  = 512 << 10 // of all steps of a job: a Job must fit in an etcd request
	MaxRunBytes     = 16 << 20  // of all jobs of a run, as they are stored and sent
	MaxStepImages   = 20        // of steps without run: the server asks registries for their ENTRYPOINT
	MaxNameRunes    = 300
	MaxPatterns     = 2_000 // of a file
	maxPathBytes    = 1000
	maxCPU          = "100k" // cores of a container
	maxBytes        = "1Pi"  // of a container's memory and disk
	minBytes        = "1Mi"
	maxDepth        = 32
	maxNodes        = 20_000 // after aliases and merge keys are expanded
)

// Budgets for work that can be far larger than the file that causes it. They count units instead of
// time, so that tests are exact.
const (
	maxExpandedBytes     = 4 << 20     // produced by expanding matrix expressions
	maxMatchWork         = 500_000_000 // see matchBudget
	maxProblems          = 50          // that are shown
	maxCollectedProblems = 200         // after which the rest of the file is not read
	maxProblemBytes      = 300
	maxQuotedBytes       = 160      // of a value that a problem quotes
	maxListItems         = 200      // of a list of strings or numbers
	maxListBytes         = 64 << 10 // of a command that is a list
	maxPatternBytes      = 500
	maxAlternatives      = 64  // that the braces of one pattern expand to
	maxMatrixRules       = 200 // entries of include, and of exclude
	maxMatrixNames       = 50  // variables of a combination
	maxMatrixValueBytes  = 1 << 10
	maxLabelBytes        = 300
	maxLabelValueBytes   = 80

	// What a step or service, and a variable, add to the size of a stored job besides their text.
	stepBytes     = 3_000
	variableBytes = 100
)

// totalBytes returns the size of a list of strings with a separator after each.
func totalBytes(list []string) (size int) {
	for _, s := range list {
		size += len(s) + 1
	}
	return size
}

// size returns what the variables add to a stored job, in bytes.
func (e Env) size() (size int) {
	for name, value := range e {
		size += len(name) + len(value) + variableBytes
	}
	return size
}

// size estimates the stored size of a job for one combination of its matrix, in bytes. It does not
// include what expanding expressions adds.
func (j *Job) size() int {
	size := stepBytes
	jobEnv := j.Env.size()
	for _, s := range j.Steps {
		size += stepBytes + s.Run.Size() + 2*totalBytes(s.Args) + totalBytes(s.Shell) + totalBytes(s.Secrets)
		size += jobEnv + s.Env.size()
	}
	for _, s := range j.Services {
		size += stepBytes + s.Env.size() + totalBytes(s.Command) + totalBytes(s.Args)
	}
	return size
}

// JobBytes estimates the stored size of all jobs of the file.
func (f *File) JobBytes() (size int) {
	for _, j := range f.Jobs {
		size += j.size()
	}
	return size
}

// checkRunSize aborts if the jobs together would exceed MaxRunBytes, before they are created.
// combinations has those of each job.
func (d *decoder) checkRunSize(f *File, jobs []*Job, combinations [][]combination) {
	size := 0
	count := 0
	for i, j := range jobs {
		size += j.size() * len(combinations[i])
		count += len(combinations[i])
		for _, c := range combinations[i] {
			size += len(j.Steps) * c.env().size()
		}
	}
	if size > MaxRunBytes {
		d.problem(f.at("jobs"), "the %d jobs of the file need about %d bytes with their scripts and variables; at most %d "+
			"are allowed. Use fewer combinations or steps, or shorter scripts and env", count, size, MaxRunBytes)
		d.abort()
	}
}

// checkEnvSize reports the steps of a job whose variables together exceed MaxJobEnvBytes.
func (d *decoder) checkEnvSize(j *Job) {
	const overhead = 30 // of a variable in a Job
	size := 0
	for _, s := range j.Steps {
		for name, value := range s.Env {
			size += len(name) + len(value) + overhead
		}
	}
	if size > MaxJobEnvBytes {
		d.problem(j.at("steps"), "the environment of all steps%s has %d bytes; at most %d are allowed",
			inJob(j), size, MaxJobEnvBytes)
	}
}

// checkImageCount reports a file whose steps without run use more than MaxStepImages images.
func (d *decoder) checkImageCount(f *File) {
	images := map[string]bool{}
	for _, j := range f.Jobs {
		for _, s := range j.Steps {
			if !s.runsImage() {
				continue
			}
			images[s.Image] = true
			if len(images) > MaxStepImages {
				d.problem(s.at("image"), "steps without run use more than %d different images. Add run to some of them",
					MaxStepImages)
				return
			}
		}
	}
}
