// Package citesttest starts a citest.GitHub for one test. It is a package of
// its own so that the demo, which uses citest too, links no testing code.
package citesttest

import (
	"context"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
)

// Start starts a GitHub that ends with the test. A violation that the test did
// not forget (ForgetViolations) fails the test.
func Start(t testing.TB, opts citest.Options) *citest.GitHub {
	t.Helper()
	gh, err := citest.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, v := range gh.Violations() {
			t.Errorf("GitHub's protocol: %s", v)
		}
		if err := gh.Close(); err != nil {
			t.Errorf("close the GitHub: %v", err)
		}
	})
	return gh
}

// Context ends when the test does, or after a bound that only a broken test reaches.
func Context(t testing.TB, bound time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	t.Cleanup(cancel)
	return ctx
}
