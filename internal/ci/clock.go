package ci

import "time"

// Clock tells the time of the database. Whatever is stored, or compared with what is stored, goes by it, since the
// clocks of several servers differ. Nil is this machine's clock.
type Clock func() time.Time

// Now is the time by the clock.
func (c Clock) Now() time.Time {
	if c == nil {
		return time.Now()
	}
	return c()
}

// Since is how long ago a stored time was.
func (c Clock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }
