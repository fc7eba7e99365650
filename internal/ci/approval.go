package ci

import "time"

// Approval is a person's word that the code of a pull request from a fork may
// run. It is good for one commit, one base and one content of the file.
type Approval struct {
	SHA    SHA
	Base   string // branch
	Digest string // SHA-256 of the file, in hexadecimal digits; empty when there is none
	By     Actor  // ID 0: who holds an API token, of which Login is the name
	Via    string // comment, api or page
	At     time.Time
}

// Pull is a pull request as GitHub has it now.
type Pull struct {
	Number int
	Head   SHA
	Base   string // branch
	Open   bool
	Fork   bool // its head is in another repository, or in one that is gone
}
