package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

// hides says of some repositories that they are private by now.
type hides map[int64]bool

func (h hides) Public(_ context.Context, repo ci.Repo) bool { return !h[repo.ID] }

// S7: what GitHub says is private by now strangers do not see, on any page, though it is stored as public.
func TestS7HiddenSinceStored(t *testing.T) {
	w := newWorld(t)
	w.run(ci.Event{
		Kind:   ci.Push,
		Repo:   public,
		Branch: "main",
		Title:  "Plans",
	}, ci.Step{Name: "a", Container: "step-1", State: ci.Success})
	hidden := hides{}
	w.pages.PublicChecker = hidden
	w.route()
	for _, now := range []bool{false, true} {
		hidden[public.ID] = now
		for _, path := range []string{"/Ada/Hello", "/Ada/Hello/runs/1", "/Ada/Hello/runs/1/attempts/1/jobs/1/steps/step-1", "/Ada/Hello/runs/1/attempts/1/jobs/1/steps/step-1/live", "/badge/Ada/Hello.svg"} {
			if code := w.get(path).Code; (code == http.StatusNotFound) != now {
				t.Errorf("%s: %d, hidden: %v", path, code, now)
			}
		}
		for _, path := range []string{"/", "/repositories"} {
			if shown := strings.Contains(w.get(path).Body.String(), "/Ada/Hello"); shown == now {
				t.Errorf("%s: shown %v, hidden %v", path, shown, now)
			}
		}
	}
}
