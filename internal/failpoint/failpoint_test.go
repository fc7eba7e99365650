//go:build !chaos

package failpoint_test

import (
	"os"
	"testing"

	"github.com/yaci-ci/yaci/internal/failpoint"
)

// Without the tag nothing that an operator sets, or that anybody makes him set, kills the server.
func TestOffWithoutTheTag(t *testing.T) {
	for _, p := range failpoint.All() {
		t.Setenv("YACI_FAILPOINT", string(p)+"=1")
		failpoint.Hit(p)
		if os.Getenv("YACI_FAILPOINT") == "" {
			t.Fatal("unreachable: the process was to die here")
		}
	}
}
