// Package failpoint names the moments at which a crash is most telling: an
// effect has happened, and nothing has written that down yet, or the other way
// round. make chaos builds YACI with the tag chaos and kills it there; without
// the tag [Hit] is empty and the names are all that is left.
//
// Callers are whoever has such a moment. Invariant: nothing but a test build can
// be made to die here.
package failpoint

// Point is one of these moments.
type Point string

// The points, in the order of the way of a push.
const (
	DeliveryStored  Point = "delivery-stored"  // committed, not answered
	DeliveryListed  Point = "delivery-listed"  // taken from GitHub's list, the cursor is behind
	HeadRecovered   Point = "head-recovered"   // an event was made of a head
	RunCompiled     Point = "run-compiled"     // GitHub was asked, nothing is stored
	RunStored       Point = "run-stored"       // nobody was woken
	SecretMade      Point = "secret-made"      // the Job is not
	JobMade         Point = "job-made"         // the database does not know
	JobLaunched     Point = "job-launched"     // it does
	SecretDropped   Point = "secret-dropped"   // the outcome is not stored
	OutcomeStored   Point = "outcome-stored"   // the Job has its finalizer
	JobReleased     Point = "job-released"     // the database does not know
	StatusPosted    Point = "status-posted"    // GitHub has it, the database does not know
	StatusConfirmed Point = "status-confirmed" // it does
)

// All are the points in order.
func All() []Point {
	return []Point{DeliveryStored, DeliveryListed, HeadRecovered, RunCompiled, RunStored, SecretMade, JobMade, JobLaunched,
		SecretDropped, OutcomeStored, JobReleased, StatusPosted, StatusConfirmed}
}
