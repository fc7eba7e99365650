package leader

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// followerAfter is how long a server waits to be elected before it counts as a follower, whatever happened before.
const followerAfter = 4 * time.Second

// State is this server's part in the election. The zero value is that of a server that has just started.
type State struct {
	mu           sync.Mutex
	err          error     // why the last term failed
	waitingSince time.Time // when this server began to wait for its election; zero: it does not campaign right now
	lastWrite    time.Time // the leader's last committed write; zero: this server does not lead
}

func (s *State) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *State) waiting() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waitingSince = time.Now()
}

func (s *State) wrote(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = nil
	s.lastWrite = at
}

func (s *State) ended() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waitingSince = time.Time{}
	s.lastWrite = time.Time{}
}

// Ready returns nil for a leader that writes, and for a server that waits to be elected.
func (s *State) Ready(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lastWrite.IsZero() {
		silent := time.Since(s.lastWrite)
		if silent > silenceLimit/2 {
			return fmt.Errorf("this server leads and has committed nothing for %v", silent.Round(time.Second))
		}
		return nil
	}
	follower := !s.waitingSince.IsZero() && time.Since(s.waitingSince) >= followerAfter
	if follower {
		return nil
	}
	return s.err
}
