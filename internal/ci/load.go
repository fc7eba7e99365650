package ci

import "time"

// Load is what waits or is under way now. A time is zero when nothing waits.
type Load struct {
	Deliveries     int // that wait to be handled
	OldestDelivery time.Time
	Failed         int // deliveries that were set aside with an error
	Queued         int // jobs
	OldestQueued   time.Time
	Running        int // jobs
	Held           int // runs that wait for an approval
	Statuses       int // that GitHub is still to be told
	OldestStatus   time.Time
}
