package ci

import "time"

// RepoAccess lets the runs of one repository read another one, for example as a
// submodule. Runs of forks never use it.
type RepoAccess struct {
	Repo Repo  // what may be read; known by its ID
	From Repo  // whose runs may read it
	By   Actor // who allowed it; ID 0: who holds an API token, of which Login is the name
	At   time.Time
}

// CloneAccess is what a clone container gets to read repositories with.
type CloneAccess struct {
	Token        string
	Repositories []string // owner/name of those that the token can read beside the run's own
}
