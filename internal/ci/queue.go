package ci

import (
	"strings"
	"time"
)

// QueuedJob is a job that has not ended, as the queue sees it.
type QueuedJob struct {
	Job      JobName
	Run      RunID
	Title    string
	State    State // Queued or Running
	Ready    bool  // all that it needs has succeeded
	Requeued bool  // the cluster lost it, so that it runs again
	Created  time.Time
	Started  time.Time // zero until launched
	Group    string    // concurrency group; empty: none
	Limit    int       // how many runs may be in the group at once
	CPU      int64     // requested, in thousandths of a core
	Memory   int64     // requested, in bytes
	Disk     int64     // limit of one container, in bytes
	// what its pod needs besides amounts: namespace, runtime class and the like; jobs of one pool compete for the same
	// nodes
	Pool     string
	Person   int64 // GitHub's number of who caused it; 0: unknown
	Login    string
	Repo     int64  // 0: none
	RepoName string // owner/name
	WaitKey  string // the key of what it was last said to wait for
}

// Usage is what a job that has ended has used.
type Usage struct {
	Person, Repo      int64
	CPU, Memory       int64
	Started, Finished time.Time
}

// QueuePosition is where a job stands in the queue.
type QueuePosition struct {
	Job      JobName
	Run      RunID
	Repo     string
	Person   string
	Created  time.Time
	Position int           // from 1
	Reason   string        // in one word, as the Wait constants
	Message  string        // a sentence
	StartsIn time.Duration // from now, as far as history tells; 0: unknown
	Launch   bool          // it is its turn now
	WaitKey  string        // changes when people should be told anew
}

// Resource is something that a pod needs of the cluster.
type Resource string

// The resources that a pod can lack.
const (
	ResourceCPU    Resource = "cpu"
	ResourceMemory Resource = "memory"
	ResourceDisk   Resource = "disk"
	ResourcePods   Resource = "pods"  // room for one more pod, however small
	ResourceOther  Resource = "other" // something that is no amount: a node selector, a taint, a volume
)

// Obstacle is a launched job for which the cluster has no room, and what it lacks.
type Obstacle struct {
	Job   JobName
	Lacks []Resource
	Quota bool   // the namespace's quota has no room; else no node has
	Why   string // what is missing, in YACI's words: "no node has enough free CPU"
}

// QuotaWait is the key of a launched job that waits because the quota lacks something.
func QuotaWait(lacks []Resource) string {
	key := WaitQuota
	for _, r := range lacks {
		key += " " + string(r)
	}
	return key
}

// ParseWait returns the Wait constant of a launched job's key, and what the quota lacks for it.
func ParseWait(key string) (reason string, lacks []Resource) {
	words := strings.Fields(key)
	if len(words) == 0 {
		return "", nil
	}
	for _, w := range words[1:] {
		lacks = append(lacks, Resource(w))
	}
	return words[0], lacks
}

// What a job waits for.
const (
	WaitPerson   = "person"   // the slots of who caused it
	WaitRepo     = "repo"     // the slots of its repository
	WaitAll      = "all"      // the slots of the server
	WaitGroup    = "group"    // its concurrency group
	WaitCluster  = "cluster"  // the cluster, which has no room for what was launched before
	WaitTurn     = "turn"     // others that are being launched
	WaitTrouble  = "trouble"  // an error that made the launch fail
	WaitRegistry = "registry" // what a registry says about its images
	WaitNode     = "node"     // launched: a node with room
	WaitQuota    = "quota"    // launched: the quota of the namespace
	WaitImage    = "image"    // launched: its images
	WaitKueue    = "kueue"    // launched: Kueue's admission
)
