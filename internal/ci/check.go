package ci

import "time"

// CheckPrefix begins the context of an entry of the outbox that is sent as a
// check run, which has room for more than a status; its name is the rest.
const CheckPrefix = "check:"

// Check is a check run on a commit.
type Check struct {
	Repo        Repo
	SHA         SHA
	Name        string
	Run         RunID
	URL         string    // of the page that has all of it; empty: none
	Status      string    // queued, in_progress or completed: GitHub's words
	Conclusion  string    // of a completed one: success, failure or cancelled
	Started     time.Time // zero until it has
	Finished    time.Time
	Title       string
	Summary     string // Markdown
	Text        string // Markdown: the end of what the failed step printed
	Annotations []Annotation
}

// Annotation is what a check says of a line of a file.
type Annotation struct {
	Path    string // from the root of the repository
	Line    int    // from 1
	End     int    // last line
	Column  int    // from 1; 0: the whole line
	Level   string // failure, warning or notice: GitHub's words
	Title   string
	Message string
}
