package e2e

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver named sqlite

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// Repo creates a repository of Ada's.
func (w *World) Repo(name string, private bool) *citest.Repo {
	w.T.Helper()
	return must(w.GitHub.CreateRepo("ada/"+name, private))(w.T)
}

// must returns the value of a call that the test cannot go on without, and ends the test if it failed: must(f())(t).
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Files returns the files of a commit with a .yaci.yml in which IMAGE is replaced by an image with a shell. If yaml is
// "", there is no .yaci.yml.
func Files(yaml string) map[string]string {
	f := map[string]string{"README": "hello\n"}
	if yaml != "" {
		f[".yaci.yml"] = strings.ReplaceAll(yaml, "IMAGE", os.Getenv("YACI_RUN_IMAGE"))
	}
	return f
}

// push commits a .yaci.yml to main and pushes it as Ada. It returns the commit once the webhook was answered.
func (w *World) push(r *citest.Repo, yaml string) string {
	w.T.Helper()
	return w.PushFrom(must(r.Clone(w.T.TempDir(), w.Ada))(w.T), yaml)
}

// PushFrom does what push does, from a working copy and to its branch.
func (w *World) PushFrom(c *citest.Clone, yaml string) string {
	w.T.Helper()
	sha := must(c.Push("Change", Files(yaml)))(w.T)
	w.Drain()
	return sha
}

// Drain waits until all webhooks so far were answered, or lost.
func (w *World) Drain() {
	w.T.Helper()
	if err := w.GitHub.Drain(citesttest.Context(w.T, time.Minute)); err != nil {
		w.T.Fatal(err)
	}
}

// LastDelivery returns the newest webhook.
func (w *World) LastDelivery() citest.Delivery {
	w.T.Helper()
	w.Drain()
	all := w.GitHub.Deliveries()
	if len(all) == 0 {
		w.T.Fatal("no webhook was sent")
	}
	return all[len(all)-1]
}

// Final waits for the final status of a commit and returns it.
func (w *World) Final(r *citest.Repo, sha string) citest.Status {
	w.T.Helper()
	return must(r.WaitStatus(citesttest.Context(w.T, 90*time.Second), sha, "yaci", citest.Finished))(w.T)
}

// Stored returns one value from the server's database.
func (w *World) Stored(query string, args ...any) (value string) {
	w.T.Helper()
	db := must(sql.Open("sqlite", "file:"+filepath.Join(w.Dir, "yaci.db")+"?mode=ro"))(w.T)
	defer db.Close()
	if err := db.QueryRowContext(w.T.Context(), query, args...).Scan(&value); err != nil {
		w.T.Fatal(err)
	}
	return value
}
