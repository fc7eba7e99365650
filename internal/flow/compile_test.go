package flow

import (
	"context"
	"errors"
	"testing"

	"github.com/yaci-ci/yaci/internal/citest/hostile"
	"github.com/yaci-ci/yaci/pipeline"
)

// TestS1HeavyFilesTakeTurns: a heavy file waits for the one before it, as long as its context lets it; a light one
// never waits.
func TestS1HeavyFilesTakeTurns(t *testing.T) {
	parsed := func(text string) *pipeline.File {
		file, err := pipeline.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	heavy, light := parsed(hostile.Corpus()["cells: as large as is allowed"]), parsed("image: a\nsteps: [x]\n")
	h := newHeavyTurn()
	release, err := h.acquire(t.Context(), heavy)
	if err != nil {
		t.Fatal(err)
	}
	done, err := h.acquire(t.Context(), light)
	if err != nil {
		t.Fatal(err)
	}
	done()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = h.acquire(over, heavy)
	if !errors.Is(err, errNoTurn) || !errors.Is(err, context.Canceled) {
		t.Errorf("the second heavy file got %v", err)
	}
	next := make(chan error)
	go func() {
		done, err := h.acquire(t.Context(), heavy)
		if err == nil {
			done()
		}
		next <- err
	}()
	release()
	if err := <-next; err != nil {
		t.Error(err)
	}
}
