package logs

import (
	"sync"

	"github.com/yaci-ci/yaci/internal/ci"
)

// signals wakes the readers that wait for more of a log. The zero value is ready.
type signals struct {
	mu      sync.Mutex
	waiting map[ci.LogID]chan struct{}
}

// next returns a channel that the next notify for the log closes.
func (s *signals) next(id ci.LogID) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = map[ci.LogID]chan struct{}{}
	}
	if s.waiting[id] == nil {
		s.waiting[id] = make(chan struct{})
	}
	return s.waiting[id]
}

// notify wakes all that wait for the log.
func (s *signals) notify(id ci.LogID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.waiting[id]; c != nil {
		close(c)
		delete(s.waiting, id)
	}
}
