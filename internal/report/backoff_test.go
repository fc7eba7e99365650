package report

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	for attempts, want := range map[int]time.Duration{
		0:       time.Second,
		1:       2 * time.Second,
		8:       256 * time.Second,
		9:       5 * time.Minute,
		1 << 40: 5 * time.Minute,
	} {
		if got := backoff(attempts, time.Second, 5*time.Minute); got != want {
			t.Errorf("after %d tries: %v, want %v", attempts, got, want)
		}
	}
}
