package ci

import (
	"fmt"
	"slices"
	"time"
)

// SHA is the full hexadecimal id of a commit (40 digits, 64 in SHA-256 repositories).
type SHA string

// Short is the form people read: the first seven digits.
func (s SHA) Short() string {
	if len(s) <= 7 {
		return string(s)
	}
	return string(s[:7])
}

// RunID names a run: ten lower-case letters and digits, safe in DNS names. The first is an r, which no commit id has;
// those of earlier versions begin with any.
type RunID string

// JobName is the name of the Kubernetes Job, and the key of a job in the
// database. It follows from run and attempt, so that creating it twice is one creation.
type JobName string

// JobNameOf names the only job of an attempt; several have -1, -2 and so on behind it.
func JobNameOf(run RunID, attempt int) JobName {
	return JobName(fmt.Sprintf("yaci-%s-%d", run, attempt))
}

// Run is one trigger of one commit. Its state is that of its newest attempt.
type Run struct {
	ID        RunID
	Number    int64 // counts the runs of one repository from 1; 0 for runs without a repository
	Event     Event
	Attempt   int // newest attempt, from 1
	State     State
	Message   string // one sentence for people: why it is in this state
	Retargets int    // times that its pull request got another base; an approval is good for one of them

	Created  time.Time
	Started  time.Time // of the newest attempt; zero until its first job was launched
	Finished time.Time // zero until State is final

	Supersedes bool // older runs of its branch or pull request end for it

	Identity    string    // what the verdict of the newest attempt depends on; empty in rows of earlier versions
	JudgedUntil time.Time // of rows without an identity: events up to this time are covered by the verdict
}

// NewAttempt is what is stored with the first attempt of a run or with another one.
type NewAttempt struct {
	Jobs   []NewJob   // in the order of the file
	Awaits []int      // open pull requests with this head whose events may start a run; nil: not known
	Broken BrokenFile // the .yaci.yml, when it is wrong
}

// NewJob is a job as it is stored with a new attempt.
type NewJob struct {
	Name     JobName
	Run      RunID
	Attempt  int
	Title    string    // as people wrote it, with its matrix values; empty for the only job of a run
	Needs    []JobName // of the same attempt, that must end before
	When     When      // whether it runs when jobs that it needs did not pass
	Group    string    // concurrency group; empty: none
	Limit    int       // how many runs may be in the group at once
	CPU      int64     // that its pod requests, in thousandths of a core
	Memory   int64     // that its pod requests, in bytes
	Disk     int64     // limit of one of its containers, in bytes
	Pool     string    // what its pod needs besides amounts; see [QueuedJob]
	State    State
	Message  string
	Manifest []byte  // the batch/v1 Job as JSON
	Files    []byte  // JSON map of file name to content that the clone container hands to the steps
	Images   []Image // of its steps without run
	Steps    []Step
	Services []Service

	// Of a job that keeps the result of the attempt before, or that is skipped; zero for all others.
	UID       string
	Started   time.Time
	Finished  time.Time
	CleanedUp bool
}

// JobSpec is what launching a job takes. It is most of what is stored of a job, and deleted once the job has ended.
type JobSpec struct {
	Manifest []byte  // the batch/v1 Job as JSON, compiled when the run was created
	Files    []byte  // JSON map of file name to content that the clone container hands to the steps
	Images   []Image // of its steps without run
}

// ImagesKnown reports whether the registries of all images of steps without run have been asked.
func (s JobSpec) ImagesKnown() bool {
	return !slices.ContainsFunc(s.Images, func(i Image) bool { return i.Pinned == "" })
}

// JobWithSpec is a job together with what launching it takes.
type JobWithSpec struct {
	Job
	JobSpec
}

// Job is one Kubernetes Job of one attempt, without its spec.
type Job struct {
	Name          JobName
	Run           RunID
	Attempt       int
	Title         string // as people wrote it, with its matrix values; empty for the only job of a run
	Group         string // concurrency group; empty: none
	Limit         int    // how many runs may be in the group at once
	When          When   // whether it runs when jobs that it needs did not pass
	Ready         bool   // nothing that it needs keeps it from being launched
	State         State
	Message       string
	Detail        string         // the cluster's own words behind the message; empty: there are none
	UID           string         // of the Kubernetes Job; empty: it has none yet; of a requeued job: of the lost one
	Interruptions []Interruption // times that it was run again, at most MaxInterruptions
	WaitKey       string         // in one word what it was last said to wait for (the Wait constants)
	CleanedUp     bool           // nothing of it in the cluster is needed any more
	Steps         []Step
	Services      []Service
	Created       time.Time
	Started       time.Time // zero until launched
	Finished      time.Time // zero until final
}

// Launch is a job with what its pod gets at the moment of its launch, which is not stored.
type Launch struct {
	JobWithSpec
	Access   CloneAccess // zero: what it clones needs no token
	CloneURL string      // where its repository is now; empty: where the manifest says
}

// Step is the outcome of one step, in the order of the file.
type Step struct {
	Name      string // as the person wrote it
	Container string // as Kubernetes knows it
	State     State
	Exit      int    // of the step's command; meaningful in Failure
	Allowed   bool   // it failed, and the file allows that
	Reason    string // a sentence, when the exit code does not say it all
	Started   time.Time
	Finished  time.Time
	Bytes     int64 // output written by the command
	Lines     int64 // line feeds in that output
	Memory    int64 // peak of its largest process, in bytes; 0 when it could not be measured
	Limit     int64 // of memory, in bytes; 0 when there is none
	CPU       int64 // user and system time, in milliseconds
	OOM       int   // processes of it that the kernel killed for memory
	Attempts  int   // how often its command was run; 0 in rows of earlier versions
}

// Interruption is a time that the cluster lost a job's pod, so that it is run again.
type Interruption struct {
	At     time.Time
	Reason string // a sentence without the full stop
	Detail string // the cluster's own words
}

// MaxInterruptions is how many times a job is run again after the cluster lost it.
const MaxInterruptions = 3

// Service is a container beside the steps.
type Service struct {
	Name      string // as the person wrote it
	Container string // as Kubernetes knows it
	State     State  // Success when it was ended with the job; empty in rows of earlier versions
	Exit      int    // of the last time that it ended
	Started   time.Time
	Finished  time.Time // zero while it runs
}

// When says whether a job runs after jobs that did not pass.
type When string

// The values of when.status on a job.
const (
	WhenSuccess When = ""        // only if all jobs that it needs passed
	WhenFailure When = "failure" // only if one did not pass
	WhenAlways  When = "always"  // in either case
)

// Duration writes a time as people read it: 0.4s, 12s, 1m12s, 2h03m.
func Duration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// Worst returns the run of a commit that its status is about: of those that count, the worst, and of several the
// first. runs must not be empty.
func Worst(runs []Run) Run {
	counting := Counting(runs)
	worst := runs[counting[0]]
	for _, i := range counting[1:] {
		if runs[i].State.Worse(worst.State) {
			worst = runs[i]
		}
	}
	return worst
}

// Counting returns the indexes of the runs that count for the status of their commit. A fork's pull request whose
// head is a commit of the repository itself must not spoil that commit's status, so beside runs of the
// repository's own, a fork's run counts only once it was allowed to run.
func Counting(runs []Run) []int {
	own := slices.ContainsFunc(runs, func(r Run) bool { return !r.Event.Fork })
	var counting []int
	for i, r := range runs {
		held := r.State == Held || r.State.Final() && r.Started.IsZero()
		if !own || !r.Event.Fork || !held {
			counting = append(counting, i)
		}
	}
	return counting
}
