package ci

import "time"

// Contender is a job that has not ended, as the queue sees it.
type Contender struct {
	Job      JobName
	Run      RunID
	Title    string
	State    State // Queued or Running
	Ready    bool  // all that it needs has succeeded
	Again    bool  // the cluster lost it, so that it runs again
	Created  time.Time
	Started  time.Time // zero until launched
	Group    string    // concurrency group; empty: none
	Limit    int       // how many runs may be in the group at once
	CPU      int64     // requested, in thousandths of a core
	Memory   int64     // requested, in bytes
	Person   int64     // GitHub's number of who caused it; 0: unknown
	Login    string
	Repo     int64  // 0: none
	RepoName string // owner/name
	Waits    string // the key of what it was last said to wait for
}

// Spent is what a job that has ended has used.
type Spent struct {
	Person, Repo      int64
	CPU, Memory       int64
	Started, Finished time.Time
}

// Place is where a job stands in the queue.
type Place struct {
	Job      JobName       `json:"job"`
	Run      RunID         `json:"run"`
	Repo     string        `json:"repo,omitempty"`
	Person   string        `json:"person,omitempty"`
	Created  time.Time     `json:"queued"`
	Position int           `json:"position"`            // from 1
	Reason   string        `json:"reason"`              // in one word, as the Wait constants
	Why      string        `json:"message"`             // a sentence
	Starts   time.Duration `json:"-"`                   // from now, as far as history tells; 0: unknown
	Seconds  int64         `json:"starts_in,omitempty"` // the same in seconds
	Launch   bool          `json:"-"`                   // it is its turn now
	Key      string        `json:"-"`                   // changes when people should be told anew
}

// What a job waits for.
const (
	WaitPerson  = "person"  // the slots of who caused it
	WaitRepo    = "repo"    // the slots of its repository
	WaitAll     = "all"     // the slots of the server
	WaitGroup   = "group"   // its concurrency group
	WaitCluster = "cluster" // the cluster, which has no room for what was launched before
	WaitTurn    = "turn"    // others that are being launched
	WaitTrouble = "trouble" // an error that made the launch fail
	WaitNode    = "node"    // launched: a node with room
	WaitQuota   = "quota"   // launched: the quota of the namespace
	WaitImage   = "image"   // launched: its images
	WaitKueue   = "kueue"   // launched: Kueue's admission
)
