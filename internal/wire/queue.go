package wire

import (
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// QueuedJob is a job that waits to be launched.
type QueuedJob struct {
	Job      ci.JobName `json:"job"`
	Run      ci.RunID   `json:"run"`
	Repo     string     `json:"repo,omitempty"`
	Person   string     `json:"person,omitempty"`
	Queued   time.Time  `json:"queued"`
	Position int        `json:"position"` // from 1
	Reason   string     `json:"reason"`   // one of the Wait constants of internal/ci
	Message  string     `json:"message"`
	StartsIn int64      `json:"starts_in,omitempty"` // seconds, estimated; 0: unknown
}

// OfQueuePosition returns the JSON form of a place in the queue.
func OfQueuePosition(p ci.QueuePosition) QueuedJob {
	return QueuedJob{
		Job:      p.Job,
		Run:      p.Run,
		Repo:     p.Repo,
		Person:   p.Person,
		Queued:   p.Created,
		Position: p.Position,
		Reason:   p.Reason,
		Message:  p.Message,
		StartsIn: int64(p.StartsIn.Seconds()),
	}
}
