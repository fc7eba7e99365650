package ci

import "time"

// Session is a person who has signed in with GitHub.
type Session struct {
	ID      string // SHA-256, in hexadecimal digits, of the secret that only the browser has
	User    Actor
	Token   []byte // GitHub's, for this person, sealed with that secret
	Access  UserAccess
	Created time.Time
}

// SessionTime is how long a session lasts, unless GitHub ends it before.
const SessionTime = 7 * 24 * time.Hour

// UserAccess is what a person can do, as GitHub told it, with the repositories that
// YACI is installed on.
type UserAccess struct {
	Private  []int64 // private ones that they see
	Writable []int64 // those that they may write to
	At       time.Time
}
