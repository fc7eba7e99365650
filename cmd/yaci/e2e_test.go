package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/citest/standin"
)

// The end-to-end tests run the real binary as a process against a real cluster
// and a stand-in for GitHub. deploy/local says where: eval "$(bin/local env)".

const (
	apiToken   = "e2e-token"
	hookSecret = "e2e-secret"
)

// world is one server with its GitHub.
type world struct {
	t      *testing.T
	github *standin.GitHub
	dir    string
	listen string
	cmd    *exec.Cmd
	log    *lockedBuffer
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

func newWorld(t *testing.T) *world {
	t.Helper()
	host := os.Getenv("YACI_LOCAL_HOST")
	if host == "" || os.Getenv("YACI_IMAGE") == "" {
		t.Skip("no cluster: run make cluster image, then eval \"$(bin/local env)\"; make test does both")
	}
	w := &world{t: t, dir: t.TempDir(), log: &lockedBuffer{}}
	var err error
	if w.github, err = standin.Start(host+":0", filepath.Join(w.dir, "repos")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.kill()
		w.github.Close()
		if v := w.github.Violations(); len(v) > 0 && !t.Failed() {
			t.Errorf("GitHub would have refused: %v", v)
		}
		if t.Failed() {
			t.Logf("server's log:\n%s", w.log)
		}
	})
	if err := os.WriteFile(filepath.Join(w.dir, "app.pem"), w.github.AppKey(), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.listen = l.Addr().String()
	l.Close()
	w.github.SetHook("http://"+w.listen+"/webhook", hookSecret)
	w.start()
	return w
}

// start runs the server and waits until it answers.
func (w *world) start() {
	w.t.Helper()
	w.cmd = exec.Command("../../bin/yaci", "serve")
	w.cmd.Env = append(os.Environ(), "YACI_LISTEN="+w.listen, "YACI_DATABASE_URL=sqlite://"+filepath.Join(w.dir, "yaci.db"),
		"YACI_WEBHOOK_SECRET="+hookSecret, "YACI_GITHUB_API_URL="+w.github.APIURL(), fmt.Sprintf("YACI_GITHUB_APP_ID=%d", standin.AppID),
		"YACI_GITHUB_APP_KEY_FILE="+filepath.Join(w.dir, "app.pem"), "YACI_API_TOKEN="+apiToken, "YACI_CPU_REQUEST=50m", "YACI_MEMORY_REQUEST=32Mi")
	w.cmd.Stdout, w.cmd.Stderr = w.log, w.log
	if err := w.cmd.Start(); err != nil {
		w.t.Fatalf("%v; make build first", err)
	}
	w.until("server answers", func() bool {
		res, err := http.Get("http://" + w.listen + "/healthz")
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
}

// kill is kill -9.
func (w *world) kill() {
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

func (w *world) repo(name string, private bool) *standin.Repo {
	w.t.Helper()
	r, err := w.github.CreateRepo("ada", name, private)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) push(r *standin.Repo, yaml string) string {
	w.t.Helper()
	files := map[string]string{"README": "hello\n"}
	if yaml != "" {
		files[".yaci.yml"] = strings.ReplaceAll(yaml, "IMAGE", os.Getenv("YACI_RUN_IMAGE"))
	}
	sha, err := r.Push("main", "Change", files)
	if err != nil {
		w.t.Fatal(err)
	}
	return sha
}

func (w *world) final(sha string) standin.Status {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 90*time.Second)
	defer cancel()
	st, err := w.github.WaitFinal(ctx, sha)
	if err != nil {
		w.t.Fatal(err)
	}
	return st
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
	w := newWorld(t)
	sha := w.push(w.repo("hello", false), passing)
	if st := w.final(sha); st.State != "success" || st.Context != "yaci" || !strings.HasPrefix(st.Description, "Passed in ") {
		t.Errorf("status %+v", st)
	}
	if all := w.github.Statuses(sha); all[0].State != "pending" {
		t.Errorf("the first status is %+v, want pending", all[0])
	}
}

func TestSecondStepFails(t *testing.T) {
	w := newWorld(t)
	sha := w.push(w.repo("red", false), "image: IMAGE\nsteps:\n  - 'true'\n  - {name: unit tests, run: exit 3}\n  - {name: never, run: echo it ran}\n")
	st := w.final(sha)
	if st.State != "failure" || !strings.HasPrefix(st.Description, "unit tests failed in ") || !strings.HasSuffix(st.Description, "(exit 3)") {
		t.Errorf("status %+v", st)
	}
	if strings.Contains(w.log.String(), "it ran") {
		t.Error("the third step ran")
	}
}

func TestBrokenFileAndNoFile(t *testing.T) {
	w := newWorld(t)
	r := w.repo("broken", false)
	none := w.push(r, "")
	broken := w.push(r, "image: IMAGE\nstpes: []\n")
	if st := w.final(broken); st.State != "error" || !strings.Contains(st.Description, ".yaci.yml:1:1: steps is missing") {
		t.Errorf("status %+v", st)
	}
	if all := w.github.Statuses(none); len(all) != 0 {
		t.Errorf("a repository without a file got %+v", all)
	}
}

func TestPullRequest(t *testing.T) {
	w := newWorld(t)
	r := w.repo("pulls", false)
	sha, _, err := r.Commit("topic", "Change", map[string]string{".yaci.yml": strings.ReplaceAll("image: IMAGE\nsteps:\n  - test \"$YACI_PR_NUMBER\" = 7\n", "IMAGE", os.Getenv("YACI_RUN_IMAGE"))})
	if err != nil {
		t.Fatal(err)
	}
	if d := r.OpenPull(7, "topic", sha, false); d.Code != http.StatusAccepted {
		t.Fatalf("answered %d", d.Code)
	}
	if st := w.final(sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
}

func TestForkIsHeld(t *testing.T) {
	w := newWorld(t)
	r := w.repo("forked", false)
	sha, _, err := r.Commit("topic", "Change", map[string]string{".yaci.yml": "image: x\nsteps: ['true']\n"})
	if err != nil {
		t.Fatal(err)
	}
	r.OpenPull(8, "topic", sha, true)
	w.until("a status", func() bool { return len(w.github.Statuses(sha)) > 0 })
	if st := w.github.Statuses(sha)[0]; st.State != "pending" || !strings.Contains(st.Description, "Waiting for approval") {
		t.Errorf("status %+v", st)
	}
}

// A private repository is cloned, and no step finds the token anywhere.
func TestPrivateCloneKeepsItsToken(t *testing.T) {
	w := newWorld(t)
	look := "image: IMAGE\nsteps:\n  - |\n    test -f README\n    ! env | grep -i -e ghs_ -e authorization\n    ! grep -r -l ghs_4711_ /workspace /yaci /tmp /etc\n    ! grep -i -e extraheader -e authorization .git/config\n"
	sha := w.push(w.repo("secret", true), look)
	if st := w.final(sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
}

func TestKilledBetween202AndJob(t *testing.T) {
	w := newWorld(t)
	w.github.Fail(func(r *http.Request) int {
		if strings.Contains(r.URL.Path, "/contents/") {
			return http.StatusBadGateway
		}
		return 0
	})
	sha := w.push(w.repo("crash1", false), passing)
	if d := w.github.Deliveries(); len(d) != 1 || d[0].Code != http.StatusAccepted {
		t.Fatalf("deliveries %+v", d)
	}
	w.kill()
	w.github.Fail(nil)
	w.start()
	if st := w.final(sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
}

func TestKilledBetweenEndAndStatus(t *testing.T) {
	w := newWorld(t)
	w.github.Fail(func(r *http.Request) int {
		if strings.Contains(r.URL.Path, "/statuses/") {
			return http.StatusBadGateway
		}
		return 0
	})
	sha := w.push(w.repo("crash2", false), passing)
	w.until("the job's end", func() bool { return strings.Contains(w.log.String(), "state=success") })
	w.kill()
	if all := w.github.Statuses(sha); len(all) != 0 {
		t.Fatalf("statuses %+v before the restart", all)
	}
	w.github.Fail(nil)
	w.start()
	if st := w.final(sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
}

func TestRunGetRetry(t *testing.T) {
	w := newWorld(t)
	code, body := w.call("POST", "/run", "echo great success", apiToken)
	var made struct{ Name string }
	if err := json.Unmarshal([]byte(body), &made); err != nil || code != 200 || made.Name == "" {
		t.Fatalf("POST /run: %d %s", code, body)
	}
	w.succeeded(made.Name)
	w.until("the end is recorded", func() bool { return strings.Contains(w.log.String(), "job="+made.Name+" state=success") })
	code, body = w.call("POST", "/retry?id="+made.Name, "", apiToken)
	var again struct {
		ID      string
		Attempt int
	}
	if err := json.Unmarshal([]byte(body), &again); err != nil || code != 200 || again.Attempt != 2 {
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
		if code, body := w.call(c.method, c.path, "", c.token); code != c.want || !strings.Contains(body, c.text) {
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

// A request without a valid signature stores nothing and calls nobody.
func TestUnsignedDelivery(t *testing.T) {
	w := newWorld(t)
	w.github.SetHook("http://"+w.listen+"/webhook", "another secret")
	w.push(w.repo("unsigned", false), passing)
	if d := w.github.Deliveries(); len(d) != 1 || d[0].Code != http.StatusUnauthorized {
		t.Errorf("deliveries %+v", d)
	}
	if calls := w.github.Requests(); len(calls) != 0 {
		t.Errorf("GitHub was called: %v", calls)
	}
}
