package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// The end-to-end tests run the real binary against a real cluster and a stand-in
// for GitHub. deploy/local says where: eval "$(bin/local env)". The server is a
// process of this machine, or a pod (incluster_test.go).

const (
	apiToken   = "e2e-token"
	hookSecret = "e2e-secret"
)

// world is one server with its GitHub.
type world struct {
	t      *testing.T
	github *citest.GitHub
	ada    citest.User
	dir    string
	listen string
	cmd    *exec.Cmd  // the server as a process of this machine,
	pod    *podServer // or as a pod
	log    *lockedBuffer
	env    []string // settings beyond the usual ones
}

// lockedBuffer collects the server's log while it runs.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newWorld starts both. env are more settings of the server.
func newWorld(t *testing.T, env ...string) *world {
	t.Helper()
	host := os.Getenv("YACI_LOCAL_HOST")
	if host == "" || os.Getenv("YACI_IMAGE") == "" {
		t.Skip("no cluster: run make cluster image, then eval \"$(bin/local env)\"; make test does both")
	}
	w := &world{
		t:   t,
		dir: t.TempDir(),
		log: &lockedBuffer{},
		env: env,
	}
	w.address()
	for i, e := range w.env {
		w.env[i] = strings.ReplaceAll(e, "LISTEN_ADDRESS", w.listen)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("server's log:\n%s", w.log)
		}
	})
	w.github = citesttest.Start(t, citest.Options{
		Addr:       host + ":0",
		HookURL:    "http://" + w.listen + "/webhook",
		HookSecret: hookSecret,
		RateLimit:  1_000_000,
	})
	w.ada = w.github.CreateUser("ada")
	if err := os.WriteFile(filepath.Join(w.dir, "app.pem"), w.github.AppKeyPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	installed(t, w.namespace(), w.kubeconfig())
	w.start()
	return w
}

// address picks where the server listens.
func (w *world) address() {
	w.t.Helper()
	// A loopback address of its own: no test beside it can get the same port meanwhile.
	l := must(net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))))(w.t)
	w.listen = l.Addr().String()
	if inCluster() {
		w.pod = newPodServer(w.t, l, w.dir)
	} else {
		l.Close()
	}
}

// kubeconfig is the server's own.
func (w *world) kubeconfig() string { return filepath.Join(w.dir, "kubeconfig") }

// namespace is where its Jobs are.
func (w *world) namespace() string {
	for _, e := range w.env {
		if space, ok := strings.CutPrefix(e, "YACI_NAMESPACE="); ok {
			return space
		}
	}
	return buildNamespace
}

// start runs the server and waits until it answers.
func (w *world) start() {
	w.t.Helper()
	if w.pod != nil {
		w.pod.start(append(w.settings(), w.env...), w.dir, w.log)
	} else {
		w.cmd = exec.Command("../../bin/yaci", "serve")
		w.cmd.Env = append(os.Environ(), w.settings()...)
		w.cmd.Env = append(w.cmd.Env, w.env...)
		w.cmd.Stdout, w.cmd.Stderr = w.log, w.log
		if err := w.cmd.Start(); err != nil {
			w.t.Fatalf("%v; make build first", err)
		}
		w.t.Cleanup(w.kill)
	}
	w.until("server answers", func() bool {
		res, err := http.Get("http://" + w.listen + "/healthz")
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
}

// settings is the environment of the server.
func (w *world) settings() []string {
	return []string{
		"KUBECONFIG=" + w.kubeconfig(), "YACI_LISTEN=" + w.listen, "YACI_METRICS_LISTEN=off", "YACI_DATABASE_URL=sqlite://" + filepath.Join(w.dir, "yaci.db"),
		"YACI_LOG_STORE=" + filepath.Join(
			w.dir,
			"logs",
		), "YACI_WEBHOOK_SECRET=" + hookSecret, "YACI_GITHUB_API_URL=" + w.github.APIURL(), fmt.Sprintf("YACI_GITHUB_APP_ID=%d", citest.AppID),
		"YACI_GITHUB_APP_KEY_FILE=" + filepath.Join(
			w.dir,
			"app.pem",
		), "YACI_API_TOKEN=" + apiToken, "YACI_CPU_REQUEST=50m", "YACI_MEMORY_REQUEST=32Mi",
	}
}

// kill is kill -9.
func (w *world) kill() {
	if w.pod != nil {
		w.pod.kill()
		return
	}
	w.cmd.Process.Kill()
	w.cmd.Wait()
}

func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("%s: not within a minute", what)
		}
	}
}

func (w *world) repo(name string, private bool) *citest.Repo {
	w.t.Helper()
	return must(w.github.CreateRepo("ada/"+name, private))(w.t)
}

// must is for calls that a test cannot go on without.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// files are those of a commit; an empty yaml means no .yaci.yml.
func files(yaml string) map[string]string {
	f := map[string]string{"README": "hello\n"}
	if yaml != "" {
		f[".yaci.yml"] = strings.ReplaceAll(yaml, "IMAGE", os.Getenv("YACI_RUN_IMAGE"))
	}
	return f
}

// push is a git push to main by ada. When it returns, the webhook was answered.
func (w *world) push(r *citest.Repo, yaml string) string {
	w.t.Helper()
	return w.pushFrom(must(r.Clone(w.t.TempDir(), w.ada))(w.t), yaml)
}

// pushFrom is push from a working copy.
func (w *world) pushFrom(c *citest.Clone, yaml string) string {
	w.t.Helper()
	sha := must(c.Push("Change", files(yaml)))(w.t)
	w.drain()
	return sha
}

// drain waits until all webhooks were answered, or lost.
func (w *world) drain() {
	w.t.Helper()
	if err := w.github.Drain(citesttest.Context(w.t, time.Minute)); err != nil {
		w.t.Fatal(err)
	}
}

// lastDelivery is the newest webhook.
func (w *world) lastDelivery() citest.Delivery {
	w.t.Helper()
	w.drain()
	all := w.github.Deliveries()
	if len(all) == 0 {
		w.t.Fatal("no webhook was sent")
	}
	return all[len(all)-1]
}

func (w *world) final(r *citest.Repo, sha string) citest.Status {
	w.t.Helper()
	return must(r.WaitStatus(citesttest.Context(w.t, 90*time.Second), sha, "yaci", citest.Finished))(w.t)
}

func (w *world) call(method, path, body, token string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequest(method, "http://"+w.listen+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	data, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(data)
}

const passing = "image: IMAGE\nsteps:\n  - test -f README\n  - name: two\n    run: echo \"$YACI_REPO $YACI_BRANCH\"\n"

func TestPushPasses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repo("hello", false)
	sha := w.push(r, passing)
	st := w.final(r, sha)
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
	w := newWorld(t)
	r := w.repo("red", false)
	sha := w.push(
		r,
		"image: IMAGE\nsteps:\n  - 'true'\n  - {name: unit tests, run: exit 3}\n  - {name: never, run: echo it ran}\n",
	)
	st := w.final(r, sha)
	if st.State != "failure" || !strings.HasPrefix(st.Description, "unit tests failed in ") ||
		!strings.HasSuffix(st.Description, "(exit 3)") {
		t.Errorf("status %+v", st)
	}
	if strings.Contains(w.log.String(), "it ran") {
		t.Error("the third step ran")
	}
}

func TestBrokenFileAndNoFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repo("broken", false)
	none := w.push(r, "")
	broken := w.push(r, "image: IMAGE\nstpes: []\n")
	st := w.final(r, broken)
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
	w := newWorld(t)
	r := w.repo("pulls", false)
	w.push(r, "")
	c := must(r.Clone(t.TempDir(), w.ada))(t)
	must(c.Git("switch", "--quiet", "-c", "topic"))(t)
	w.github.DropWebhooks(1)
	sha := w.pushFrom(
		c,
		"image: IMAGE\nsteps:\n  - test \"$YACI_EVENT $YACI_PR_NUMBER $YACI_PR_BASE\" = 'pull_request 1 main'\n",
	)
	must(r.OpenPull("topic", "main", "Change", w.ada))(t)
	d := w.lastDelivery()
	if d.Event != "pull_request" || d.StatusCode != http.StatusAccepted {
		t.Fatalf("delivery of %s answered %d", d.Event, d.StatusCode)
	}
	if st := w.final(r, sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
}

func TestForkIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repo("forked", false)
	w.push(r, "")
	eve := w.github.CreateUser("eve")
	fork := must(w.github.Fork(r, eve))(t)
	sha := w.pushFrom(must(fork.Clone(t.TempDir(), eve))(t), "image: x\nsteps: ['true']\n")
	must(r.OpenPull("eve:main", "main", "Change", eve))(t)
	st := must(r.WaitStatus(citesttest.Context(t, time.Minute), sha, "yaci", nil))(t)
	if st.State != "pending" || !strings.Contains(st.Description, "Waiting for approval") {
		t.Errorf("status %+v", st)
	}
}

// A private repository is cloned, and no step finds the token anywhere.
func TestPrivateCloneKeepsItsToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
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
	r := w.repo("secret", true)
	sha := w.push(r, look)
	if st := w.final(r, sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
	w.until("the token is given back", func() bool {
		return slices.ContainsFunc(w.github.Requests(), func(r citest.Request) bool {
			return r.Method == http.MethodDelete && r.Path == "/installation/token" && r.Status == http.StatusNoContent
		})
	})
}

// fail lets GitHub answer 502 at addresses that contain a text.
func (w *world) fail(text string) {
	w.github.Inject(
		citest.Fault{
			Match:  func(r *http.Request) bool { return strings.Contains(r.URL.Path, text) },
			Status: http.StatusBadGateway,
		},
	)
}

func TestKilledBetween202AndJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail("/contents/")
	r := w.repo("crash1", false)
	sha := w.push(r, passing)
	d := w.github.Deliveries()
	if len(d) != 1 || d[0].StatusCode != http.StatusAccepted {
		t.Fatalf("deliveries %+v", d)
	}
	w.kill()
	w.github.ClearFaults()
	w.start()
	if st := w.final(r, sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
}

func TestKilledBetweenEndAndStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail("/statuses/")
	r := w.repo("crash2", false)
	sha := w.push(r, passing)
	w.until("the job's end", func() bool { return strings.Contains(w.log.String(), "state=success") })
	w.kill()
	if all := r.Statuses(sha); len(all) != 0 {
		t.Fatalf("statuses %+v before the restart", all)
	}
	w.github.ClearFaults()
	w.start()
	if st := w.final(r, sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
}

func TestRunGetRetry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code, body := w.call("POST", "/run", "echo great success", apiToken)
	var made struct{ Name string }
	err := json.Unmarshal([]byte(body), &made)
	if err != nil || code != 200 || made.Name == "" {
		t.Fatalf("POST /run: %d %s", code, body)
	}
	w.succeeded(made.Name)
	w.until(
		"the end is recorded",
		func() bool { return strings.Contains(w.log.String(), "job="+made.Name+" state=success") },
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

func (w *world) succeeded(name string) {
	w.t.Helper()
	var pods []struct{ Pod, Status, Log string }
	w.until(name+" succeeds", func() bool {
		_, body := w.call("GET", "/get?id="+name, "", apiToken)
		json.Unmarshal([]byte(body), &pods)
		return len(pods) == 1 && pods[0].Status == "Succeeded"
	})
	if pods[0].Log != "great success\n" {
		w.t.Errorf("log %q", pods[0].Log)
	}
}
