package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

const passing = "image: IMAGE\nsteps:\n  - test -f README\n  - name: two\n    run: echo \"$YACI_REPO $YACI_BRANCH\"\n"

func TestPushPasses(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	r := w.Repo("hello", false)
	sha := w.push(r, passing)
	st := w.Final(r, sha)
	if st.State != "success" || !strings.HasPrefix(st.Description, "Passed in ") || st.Creator != "yaci[bot]" {
		t.Errorf("status %+v", st)
	}
	all := r.Statuses(sha)
	if all[0].State != "pending" {
		t.Errorf("the first status is %+v, want pending", all[0])
	}
	for _, st := range all {
		if st.Context != "yaci" {
			t.Errorf("status %+v, want the context yaci alone", st)
		}
	}
}

func TestSecondStepFails(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	r := w.Repo("red", false)
	sha := w.push(
		r,
		"image: IMAGE\nsteps:\n  - 'true'\n  - {name: unit tests, run: exit 3}\n  - {name: never, run: echo it ran}\n",
	)
	st := w.Final(r, sha)
	if st.State != "failure" || !strings.HasPrefix(st.Description, "unit tests failed in ") ||
		!strings.HasSuffix(st.Description, "(exit 3)") {
		t.Errorf("status %+v", st)
	}
	if strings.Contains(w.Log.String(), "it ran") {
		t.Error("the third step ran")
	}
}

func TestBrokenFileAndNoFile(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	r := w.Repo("broken", false)
	none := w.push(r, "")
	broken := w.push(r, "image: IMAGE\nstpes: []\n")
	st := w.Final(r, broken)
	if st.State != "error" || !strings.Contains(st.Description, `.yaci.yml:2:1: unknown key "stpes"`) {
		t.Errorf("status %+v", st)
	}
	if all := r.Statuses(none); len(all) != 0 {
		t.Errorf("a repository without a file got %+v", all)
	}
}

// A pull request whose push GitHub did not tell about runs by itself.
func TestPullRequest(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	r := w.Repo("pulls", false)
	w.push(r, "")
	c := must(r.Clone(t.TempDir(), w.Ada))(t)
	must(c.Git("switch", "--quiet", "-c", "topic"))(t)
	w.GitHub.DropWebhooks(1)
	sha := w.PushFrom(
		c,
		"image: IMAGE\nsteps:\n  - test \"$YACI_EVENT $YACI_PR_NUMBER $YACI_PR_BASE\" = 'pull_request 1 main'\n",
	)
	must(r.OpenPull("topic", "main", "Change", w.Ada))(t)
	d := w.LastDelivery()
	if d.Event != "pull_request" || d.StatusCode != http.StatusAccepted {
		t.Fatalf("delivery of %s answered %d", d.Event, d.StatusCode)
	}
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
}

func TestForkIsHeld(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	r := w.Repo("forked", false)
	w.push(r, "")
	eve := w.GitHub.CreateUser("eve")
	fork := must(w.GitHub.Fork(r, eve))(t)
	sha := w.PushFrom(must(fork.Clone(t.TempDir(), eve))(t), "image: x\nsteps: ['true']\n")
	must(r.OpenPull("eve:main", "main", "Change", eve))(t)
	st := must(r.WaitStatus(citesttest.Context(t, time.Minute), sha, "yaci", nil))(t)
	if st.State != "pending" || !strings.Contains(st.Description, "Waiting for approval") {
		t.Errorf("status %+v", st)
	}
}

// A private repository is cloned, and no step finds the token anywhere.
func TestPrivateCloneKeepsItsToken(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	look := `image: IMAGE
steps:
  - |
    test -f README
    # -e does not see a command behind !, and so each find is an exit of its own.
    if env | grep -i -E 'ghs_[0-9]+_[0-9a-z]|authorization'; then exit 3; fi
    if grep -r -l -i -E 'ghs_[0-9]+_[0-9a-z]' /workspace /yaci /tmp /etc; then exit 4; fi
    if grep -i -E 'extraheader|authorization|token' .git/config; then exit 5; fi
    if cat /proc/[0-9]*/environ | grep -a -i -E 'ghs_[0-9]+_[0-9a-z]'; then exit 6; fi
    test ! -e /yaci/seed
`
	r := w.Repo("secret", true)
	sha := w.push(r, look)
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
	w.Until("the token is given back", func() bool {
		return slices.ContainsFunc(w.GitHub.Requests(), func(r citest.Request) bool {
			return r.Method == http.MethodDelete && r.Path == "/installation/token" && r.Status == http.StatusNoContent
		})
	})
}

// fail lets GitHub answer 502 at addresses that contain a text.
func (w *World) fail(text string) {
	w.GitHub.Inject(
		citest.Fault{
			Match:  func(r *http.Request) bool { return strings.Contains(r.URL.Path, text) },
			Status: http.StatusBadGateway,
		},
	)
}

func TestKilledBetween202AndJob(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	w.fail("/contents/")
	r := w.Repo("crash1", false)
	sha := w.push(r, passing)
	d := w.GitHub.Deliveries()
	if len(d) != 1 || d[0].StatusCode != http.StatusAccepted {
		t.Fatalf("deliveries %+v", d)
	}
	w.Kill()
	w.GitHub.ClearFaults()
	w.start()
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
}

func TestKilledBetweenEndAndStatus(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	w.fail("/statuses/")
	r := w.Repo("crash2", false)
	sha := w.push(r, passing)
	w.Until("the job's end", func() bool { return strings.Contains(w.Log.String(), "state=success") })
	w.Kill()
	if all := r.Statuses(sha); len(all) != 0 {
		t.Fatalf("statuses %+v before the restart", all)
	}
	w.GitHub.ClearFaults()
	w.start()
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
}

func TestRunGetRetry(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	code, body := w.call("POST", "/run", "echo great success", apiToken)
	var made struct{ Name string }
	err := json.Unmarshal([]byte(body), &made)
	if err != nil || code != 200 || made.Name == "" {
		t.Fatalf("POST /run: %d %s", code, body)
	}
	w.succeeded(made.Name)
	w.Until(
		"the end is recorded",
		func() bool { return strings.Contains(w.Log.String(), "job="+made.Name+" state=success") },
	)
	code, body = w.call("POST", "/retry?id="+made.Name, "", apiToken)
	var again struct {
		ID      string
		Attempt int
	}
	err = json.Unmarshal([]byte(body), &again)
	if err != nil || code != 200 || again.Attempt != 2 {
		t.Fatalf("POST /retry: %d %s", code, body)
	}
	w.succeeded(again.ID)
	for _, c := range []struct {
		method, path, token string
		want                int
		text                string
	}{
		{"GET", "/get", apiToken, 400, "id query param is required"}, {"GET", "/get?id=nope", apiToken, 404, "no job"},
		{"GET", "/nowhere", apiToken, 404, "nothing at this address"}, {"GET", "/get?id=" + made.Name, "", 401, "YACI_API_TOKEN"},
		{"POST", "/run", "wrong", 401, "YACI_API_TOKEN"}, {"POST", "/retry?id=x", "", 401, "YACI_API_TOKEN"},
		{"POST", "/retry?id=nope", apiToken, 404, "no run"}, {"POST", "/retry", apiToken, 400, "id query param"},
	} {
		code, body := w.call(c.method, c.path, "", c.token)
		if code != c.want || !strings.Contains(body, c.text) {
			t.Errorf("%s %s: %d %s, want %d %q", c.method, c.path, code, body, c.want, c.text)
		}
	}
}

func (w *World) succeeded(name string) {
	w.T.Helper()
	var pods []struct{ Pod, Status, Log string }
	w.Until(name+" succeeds", func() bool {
		_, body := w.call("GET", "/get?id="+name, "", apiToken)
		json.Unmarshal([]byte(body), &pods)
		return len(pods) == 1 && pods[0].Status == "Succeeded"
	})
	if pods[0].Log != "great success\n" {
		w.T.Errorf("log %q", pods[0].Log)
	}
}
