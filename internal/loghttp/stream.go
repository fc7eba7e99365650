package loghttp

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

const (
	writeTimeout  = 30 * time.Second       // for a reader to take what was written
	flushInterval = 100 * time.Millisecond // many lines are sent together
	maxSilence    = 15 * time.Second       // after which a filler is sent
)

// stream is an answer that goes on for as long as its reader takes what comes. The server's
// time limit for answers does not apply to it.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController

	mu     sync.Mutex
	unsent bool // something was written and not flushed
}

func newStream(w http.ResponseWriter) *stream {
	return &stream{w: w, control: http.NewResponseController(w)}
}

// extend gives the reader time until writeTimeout from now. At the end of an answer it is
// needed too, since that can be long after the last line.
func (s *stream) extend() error {
	err := s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	if errors.Is(err, http.ErrNotSupported) { // by a test's ResponseWriter
		return nil
	}
	return err
}

// write adds to the answer. It is sent when a buffer is full, by the next flush after start,
// or at the end.
func (s *stream) write(text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.extend(); err != nil {
		return err
	}
	s.unsent = true
	_, err := s.w.Write(text)
	return err
}

// start begins to flush what is written, and to write filler in silence if it is not empty.
// The function that it returns stops that.
func (s *stream) start(ctx context.Context, filler string) (stop func()) {
	s.control.Flush() // so that the reader knows that it is connected
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { s.flushRegularly(ctx, []byte(filler)) })
	return func() {
		cancel()
		wg.Wait()
	}
}

func (s *stream) flushRegularly(ctx context.Context, filler []byte) {
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if len(filler) > 0 && time.Since(last) > maxSilence {
			s.write(filler) // if the reader is gone, the next line fails too
		}
		s.mu.Lock()
		if s.unsent {
			s.control.Flush()
			s.unsent = false
			last = time.Now()
		}
		s.mu.Unlock()
	}
}
