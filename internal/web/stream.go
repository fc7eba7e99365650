package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	patience   = 30 * time.Second // that a reader may take for a piece
	flushEvery = 100 * time.Millisecond
)

// stream is an answer that goes on for as long as its reader takes what comes.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	mu      sync.Mutex
	unsent  bool
}

func newStream(w http.ResponseWriter) *stream {
	return &stream{w: w, control: http.NewResponseController(w)}
}

// extend gives the reader more time.
func (s *stream) extend() error {
	if err := s.control.SetWriteDeadline(time.Now().Add(patience)); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// send writes; beat sends it off.
func (s *stream) send(format string, args ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.extend(); err != nil {
		return err
	}
	s.unsent = true
	_, err := fmt.Fprintf(s.w, format, args...)
	return err
}

// beat sends off what was written, many lines at a time, and a comment in
// silence, so that whatever is between does not give up. The function that it
// returns ends it.
func (s *stream) beat(ctx context.Context, silence time.Duration) (stop func()) {
	s.control.Flush() // so that the reader knows that it is connected
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(flushEvery)
		defer tick.Stop()
		last := time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if time.Since(last) > silence {
				s.send(": still here\n\n") // that the reader is gone shows at the next line
			}
			s.mu.Lock()
			if s.unsent {
				s.control.Flush()
				s.unsent, last = false, time.Now()
			}
			s.mu.Unlock()
		}
	})
	return func() { cancel(); wg.Wait() }
}
