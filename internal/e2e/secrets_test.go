package e2e

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/yaci-ci/yaci/internal/admin"
)

// keepSecret stores a secret for a repository until the test ends, and returns its id.
func keepSecret(t *testing.T, name, value, repo string) string {
	t.Helper()
	secrets := must(admin.OpenSecrets(os.Getenv("KUBECONFIG"), BuildNamespace))(t)
	id := must(secrets.Set(t.Context(), name, []byte(value), admin.Grant{Repositories: []string{repo}}))(t)
	t.Cleanup(func() { secrets.Remove(context.Background(), id) })
	return id
}

// TestCanaries: of fifty secrets that a step prints in many ways, none is in what
// YACI keeps or says: logs, statuses, database, API, its own log.
func TestCanaries(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	var names, values []string
	for i := range 50 {
		names = append(names, fmt.Sprint("CANARY_", i))
		values = append(values, rand.Text())
		keepSecret(t, names[i], values[i], "ada/canaries")
	}
	r := w.Repo("canaries", false)
	sha := w.push(r, fmt.Sprintf(`
image: IMAGE
steps:
  - name: print
    quiet: true
    secrets: [%s]
    run: |
      for i in $(seq 0 49); do
        eval "v=\$CANARY_$i"
        echo "$v"; echo "$v" >&2; echo "a${v}b"
        printf %%s "$v" | head -c 9; sleep 0.01; printf %%s "$v" | tail -c +10; echo
        printf %%s "$v" | base64; printf 'x%%s' "$v" | base64; printf 'xx%%s' "$v" | base64
      done
      echo done
      exit 3
`, strings.Join(names, ", ")))
	st := w.Final(r, sha)
	if st.State != "failure" || !strings.Contains(st.Description, "(exit 3)") {
		t.Fatalf("%s: %s", st.State, st.Description)
	}
	log := w.wholeLog(1)
	if !strings.HasSuffix(log, "done\n") {
		t.Errorf("the log ends with %q", log[max(0, len(log)-100):])
	}
	_, runs := w.call("GET", "/api/v1/runs", "", apiToken)
	places := map[string]string{
		"log":          log,
		"statuses":     fmt.Sprint(r.Statuses(sha)),
		"API":          runs,
		"server's log": w.Log.String(),
	}
	for _, pattern := range []string{"yaci.db*", "logs/*/*/*"} {
		for _, path := range must(filepath.Glob(filepath.Join(w.Dir, pattern)))(t) {
			places[path] = string(must(os.ReadFile(path))(t))
		}
	}
	for place, text := range places {
		for _, v := range values {
			for _, form := range []string{v, base64.StdEncoding.EncodeToString([]byte(v))[:30], base64.StdEncoding.EncodeToString([]byte("x" + v))[4:30], base64.StdEncoding.EncodeToString([]byte("xx" + v))[4:30]} {
				if strings.Contains(text, form) {
					t.Errorf("%s has %s, a form of %s", place, form, v)
				}
			}
		}
	}
}

// TestMissingSecretKey: a Secret that somebody emptied keeps the container from being made.
func TestMissingSecretKey(t *testing.T) {
	t.Parallel()
	client := Clientset(t)
	w := NewWorld(t)
	id := keepSecret(t, "EMPTIED", "some value", "ada/keyless")
	must(
		client.CoreV1().
			Secrets(BuildNamespace).
			Patch(t.Context(), id, types.JSONPatchType, []byte(`[{"op": "remove", "path": "/data/value"}]`), metav1.PatchOptions{}),
	)(
		t,
	)
	w.end([]ending{
		{
			"keyless",
			"image: IMAGE\nsteps: [{name: use, run: 'true', secrets: [EMPTIED]}]\n",
			"error",
			`use cannot start with image \S+: the Secret \S+ has no key value\. .*`,
			time.Minute,
		},
	})
}
