package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// The servers under test have these secrets.
const (
	apiToken   = "e2e-token"
	HookSecret = "e2e-secret"
)

// A World is one server under test, with the stand-in for GitHub that it talks to. The server is a process of this
// machine, or a pod (pod.go).
type World struct {
	T      *testing.T
	GitHub *citest.GitHub
	Ada    citest.User   // a user of GitHub who owns the repositories of the tests
	Dir    string        // of the server's database, logs and keys
	Listen string        // the server's address
	Log    *LockedBuffer // the server's log
	Cmd    *exec.Cmd     // the server's process; nil if it is a pod

	pod *podServer // nil if the server is a process
	env []string   // settings beyond the usual ones, as NAME=VALUE
}

// A LockedBuffer collects output that is read while it is written.
type LockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *LockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *LockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// NewWorld starts a stand-in for GitHub and a server, and waits until the server answers. env are settings beyond the
// usual ones, as NAME=VALUE, in which LISTEN_ADDRESS stands for the server's address. It skips the test if there is no
// cluster. If the test fails, the server's log is printed.
func NewWorld(t *testing.T, env ...string) *World {
	t.Helper()
	host := os.Getenv("YACI_LOCAL_HOST")
	if host == "" || os.Getenv("YACI_IMAGE") == "" {
		t.Skip("no cluster: run make cluster image, then eval \"$(bin/local env)\"; make test does both")
	}
	w := &World{
		T:   t,
		Dir: t.TempDir(),
		Log: &LockedBuffer{},
		env: env,
	}
	w.address()
	for i, e := range w.env {
		w.env[i] = strings.ReplaceAll(e, "LISTEN_ADDRESS", w.Listen)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("server's log:\n%s", w.Log)
		}
	})
	w.GitHub = citesttest.Start(t, citest.Options{
		Addr:       host + ":0",
		HookURL:    "http://" + w.Listen + "/webhook",
		HookSecret: HookSecret,
		RateLimit:  1_000_000,
	})
	w.Ada = w.GitHub.CreateUser("ada")
	if err := os.WriteFile(filepath.Join(w.Dir, "app.pem"), w.GitHub.AppKeyPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	InstallRights(t, w.Namespace(), w.Kubeconfig())
	w.start()
	return w
}

// address chooses the address at which the server listens.
func (w *World) address() {
	w.T.Helper()
	// A loopback address of its own: no test beside it can get the same port meanwhile.
	l := must(net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))))(w.T)
	w.Listen = l.Addr().String()
	if inCluster() {
		w.pod = newPodServer(w.T, l, w.Dir)
	} else {
		l.Close()
	}
}

// Kubeconfig returns the path of the server's kubeconfig.
func (w *World) Kubeconfig() string { return filepath.Join(w.Dir, "kubeconfig") }

// Namespace returns where the server creates its Jobs.
func (w *World) Namespace() string {
	for _, e := range w.env {
		if space, ok := strings.CutPrefix(e, "YACI_NAMESPACE="); ok {
			return space
		}
	}
	return BuildNamespace
}

// start runs the server and waits until it answers.
func (w *World) start() {
	w.T.Helper()
	if w.pod != nil {
		w.pod.start(append(w.Settings(), w.env...), w.Dir, w.Log)
	} else {
		w.Cmd = exec.Command("../../bin/yaci", "serve")
		w.Cmd.Env = append(os.Environ(), w.Settings()...)
		w.Cmd.Env = append(w.Cmd.Env, w.env...)
		w.Cmd.Stdout, w.Cmd.Stderr = w.Log, w.Log
		if err := w.Cmd.Start(); err != nil {
			w.T.Fatalf("%v; make build first", err)
		}
		w.T.Cleanup(w.Kill)
	}
	w.Until("server answers", func() bool {
		res, err := http.Get("http://" + w.Listen + "/healthz")
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
}

// Settings returns the usual settings of the server, as NAME=VALUE.
func (w *World) Settings() []string {
	return []string{
		"KUBECONFIG=" + w.Kubeconfig(),
		"YACI_LISTEN=" + w.Listen,
		"YACI_METRICS_LISTEN=off",
		"YACI_DATABASE_URL=sqlite://" + filepath.Join(w.Dir, "yaci.db"),
		"YACI_LOG_STORE=" + filepath.Join(w.Dir, "logs"),
		"YACI_WEBHOOK_SECRET=" + HookSecret,
		"YACI_API_TOKEN=" + apiToken,
		"YACI_GITHUB_API_URL=" + w.GitHub.APIURL(),
		"YACI_GITHUB_APP_ID=" + strconv.Itoa(citest.AppID),
		"YACI_GITHUB_APP_KEY_FILE=" + filepath.Join(w.Dir, "app.pem"),
		"YACI_CPU_REQUEST=50m",
		"YACI_MEMORY_REQUEST=32Mi",
	}
}

// Kill ends the server with SIGKILL and waits until it is gone.
func (w *World) Kill() {
	if w.pod != nil {
		w.pod.kill()
		return
	}
	w.Cmd.Process.Kill()
	w.Cmd.Wait()
}

// Until waits until ok returns true. After a minute it fails the test with the text of what it waited for.
func (w *World) Until(what string, ok func() bool) {
	w.T.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			w.T.Fatalf("%s: not within a minute", what)
		}
	}
}

// call calls the server, with a token unless it is "", and returns the code and the body of its answer.
func (w *World) call(method, path, body, token string) (int, string) {
	w.T.Helper()
	req, err := http.NewRequest(method, "http://"+w.Listen+path, strings.NewReader(body))
	if err != nil {
		w.T.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.T.Fatal(err)
	}
	defer res.Body.Close()
	data, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(data)
}
