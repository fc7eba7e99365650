package ci

import "time"

// Check is a check run on a commit.
type Check struct {
	Repo        Repo
	SHA         SHA
	Name        string
	Run         RunID
	URL         string    // of the page with the details; empty if there is none
	Status      string    // queued, in_progress or completed, as GitHub calls them
	Conclusion  string    // of a completed one: success, failure or cancelled
	Started     time.Time // zero before the start
	Finished    time.Time
	Title       string
	Summary     string // Markdown
	Text        string // Markdown: the end of what the failed step printed
	Annotations []Annotation
}

// Annotation is a message of a check run about lines of a file.
type Annotation struct {
	Path    string // from the root of the repository
	Line    int    // from 1
	End     int    // last line
	Column  int    // from 1; 0: the whole line
	Level   string // failure, warning or notice, as GitHub calls them
	Title   string
	Message string
}
