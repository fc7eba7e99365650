package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

func TestRepositoryOf(t *testing.T) {
	for address, want := range map[string]string{
		"https://github.com/ada/hello.git":         "ada/hello",
		"https://x:y@github.com/ada/hello/":        "ada/hello",
		"git@github.com:ada/hello.git":             "ada/hello",
		"ssh://git@github.example:2222/ada/he.llo": "ada/he.llo",
		"/srv/git/hello":                           "",
		"https://github.com/ada":                   "",
		"":                                         "",
	} {
		if got := repositoryOf(address); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

// answers is a server that knows one run, in a state.
func answers(t *testing.T, state string) (url string, posts *[]string) {
	t.Helper()
	posts = &[]string{}
	run := fmt.Sprintf(
		`{"id":"k3x5v2m7qz","number":12,"repo":"ada/hello","event":"push","sha":"%s","branch":"main","title":"Fix the thing","author":"ada","attempt":2,"state":"%s","message":"A sentence.","created":"%s","started":"2026-01-02T03:04:05Z","finished":"2026-01-02T03:05:10Z"}`,
		strings.Repeat("a", 40),
		state,
		time.Now().Add(-2*time.Hour).UTC().Format(time.RFC3339),
	)
	mux := http.NewServeMux()
	text := func(pattern, body string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "POST" {
				*posts = append(*posts, r.URL.RequestURI())
				if r.Header.Get("Idempotency-Key") == "" {
					t.Errorf("%s has no idempotency key", r.URL)
				}
			}
			io.WriteString(w, body)
		})
	}
	mux.HandleFunc("GET /api/v1/runs", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t" {
			w.WriteHeader(401)
		}
		if state == "" || strings.HasPrefix(r.URL.Query().Get("sha"), "b") {
			io.WriteString(w, `{"runs":[]}`)
			return
		}
		io.WriteString(w, `{"runs":[`+run+`]}`)
	})
	text("GET /api/v1/runs/k3x5v2m7qz", run)
	text(
		"GET /api/v1/runs/k3x5v2m7qz/jobs",
		`{"jobs":[{"name":"yaci-k3x5v2m7qz-2","run":"k3x5v2m7qz","attempt":2,"title":"test","state":"failure","message":"build failed","losses":[],"steps":[
		{"name":"build","container":"1-build","state":"failure","exit":2,"started":"2026-01-02T03:04:05Z","finished":"2026-01-02T03:04:07.5Z","lines":1,"bytes":3,"attempts":3},
		{"name":"ship","container":"2-ship","state":"skipped","exit":0,"lines":0,"bytes":0}]}]}`,
	)
	text("GET /api/v1/runs/k3x5v2m7qz/jobs/yaci-k3x5v2m7qz-2/steps/1/log", "boom\n")
	text(
		"POST /api/v1/runs/k3x5v2m7qz/retry",
		`{"id":"yaci-k3x5v2m7qz-3","run":"k3x5v2m7qz","attempt":3,"state":"queued","message":"Started: 1 step."}`,
	)
	text("POST /api/v1/runs/k3x5v2m7qz/cancel", `{"run":"k3x5v2m7qz","state":"cancelled"}`)
	text(
		"POST /api/v1/runs/k3x5v2m7qz/approve",
		`{"id":"yaci-k3x5v2m7qz-2","run":"k3x5v2m7qz","attempt":2,"state":"queued","message":"Started: 1 step."}`,
	)
	mux.HandleFunc("POST /api/v1/repos/ada/hello/runs", func(w http.ResponseWriter, r *http.Request) {
		*posts = append(*posts, r.URL.RequestURI())
		if r.URL.Query().Get("ref") == "busy" {
			w.WriteHeader(409)
			io.WriteString(w, `{"detail":"run k3x5v2m7qz covers it","run":"k3x5v2m7qz"}`)
			return
		}
		io.WriteString(
			w,
			`{"id":"yaci-k3x5v2m7qz-1","run":"k3x5v2m7qz","attempt":1,"state":"queued","message":"Started: 1 step."}`,
		)
	})
	text("POST /run", `{"name":"yaci-k3x5v2m7qz-1"}`)
	text(
		"GET /api/v1/queue",
		`[{"job":"yaci-r3-1","run":"r3","repo":"ada/hello","person":"ada","queued":"2026-01-02T03:04:05Z","position":1,"reason":"all","message":"All slots are busy."}]`,
	)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL, posts
}

func TestRemoteCommands(t *testing.T) {
	const sha = "aaaaaaa"
	for name, c := range map[string]struct {
		args, state string
		code        int
		stdout      string // contained
		posts       string
	}{
		"ls":               {"ls", "failure", 0, "RUN  STATE     TITLE          WHERE  WHO  TOOK   AGE\n#12  ✗ failed  Fix the thing  main   ada  1m05s  2h ago\n", ""},
		"ls, json":         {"ls --json", "failure", 0, `"state": "failure"`, ""},
		"ls, none":         {"ls --json", "", 0, "[]\n", ""},
		"view":             {"view 12", "failure", 0, "✗ failed  ada/hello #12  Fix the thing\nmain · aaaaaaa · by ada · 2h ago · took 1m05s · attempt 2\nA sentence.\n\n✗ failed     test           build failed\n  ✗ failed     build  2.5s  exit 2, 3 attempts\n  - skipped    ship\n", ""},
		"view, json":       {"view --json", "failure", 0, `"jobs": [`, ""},
		"logs":             {"logs k3x5v2m7qz --failed", "failure", 0, "boom\n", ""},
		"logs, json":       {"logs k3x5v2m7qz --failed --json", "failure", 0, `"log": "boom\n"`, ""},
		"retry":            {"retry #12 --failed", "failure", 0, "#12  attempt 3: Started: 1 step.\n", "/api/v1/runs/k3x5v2m7qz/retry?failed=true"},
		"retry and wait":   {"retry --wait", "success", 0, "✓ passed  ada/hello #12  main  A sentence.\n", "/api/v1/runs/k3x5v2m7qz/retry"},
		"cancel":           {"cancel 12", "running", 0, "#12 is cancelled.\n", "/api/v1/runs/k3x5v2m7qz/cancel"},
		"approve":          {"approve 12 aaaaaaaaaaaa", "held", 0, "#12  attempt 2: Started: 1 step.\n", "/api/v1/runs/k3x5v2m7qz/approve?sha=aaaaaaaaaaaa"},
		"run, a command":   {"run -- make -j test", "queued", 0, "k3x5v2m7qz\n", "/run"},
		"run, an image":    {"run --image alpine true", "queued", 0, "k3x5v2m7qz\n", "/run?image=alpine"},
		"run, no command":  {"run --image alpine", "queued", 1, "", ""},
		"run, a commit":    {"run aaaaaaa --branch topic", "queued", 0, "#12  attempt 1: Started: 1 step.\n", "/api/v1/repos/ada/hello/runs?branch=topic&ref=aaaaaaa"},
		"run, a branch":    {"run --wait topic", "success", 0, "✓ passed", "/api/v1/repos/ada/hello/runs?ref=topic"},
		"run, busy":        {"run busy", "running", 1, "", "/api/v1/repos/ada/hello/runs?ref=busy"},
		"run, await it":    {"run busy --wait", "failure", 2, "✗ failed", "/api/v1/repos/ada/hello/runs?ref=busy"},
		"run, two words":   {"run make test", "queued", 1, "", ""},
		"run, no HEAD":     {"run", "queued", 1, "", ""},
		"queue":            {"queue", "", 0, "1  yaci-r3-1  ada/hello   ada", ""},
		"open":             {"open 12 --print", "success", 0, "/ada/hello/runs/12\n", ""},
		"wait, passed":     {"wait " + sha, "success", 0, "✓ passed", ""},
		"wait, failed":     {"wait " + sha, "failure", 2, "✗ failed", ""},
		"S5, seven digits": {"approve 12 " + sha, "held", 1, "", ""},
		"view, held":       {"view 12", "held", 0, "A sentence.\nReview it, then run: yaci approve 12 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", ""},
		"wait, held":       {"wait " + sha, "held", 3, "‖ held", ""},
		"wait, error":      {"wait " + sha + " --json", "error", 5, `"state": "error"`, ""},
		"wait, never":      {"wait bbbbbbb --start 1ms", "success", 4, "", ""},
		"wait, timed out":  {"wait " + sha + " --timeout 50ms", "running", 1, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			url, posts := answers(t, c.state)
			t.Chdir(t.TempDir())
			t.Setenv("YACI_URL", url)
			t.Setenv("YACI_API_TOKEN", "t")
			t.Setenv("YACI_REPO", "ada/hello")
			var out, errs bytes.Buffer
			err := run(t.Context(), strings.Fields(c.args), &out, &errs)
			var code exitCode
			if errors.As(err, &code); err != nil && code == 0 {
				code = 1
			}
			if int(code) != c.code || !strings.Contains(out.String(), c.stdout) || strings.Contains(out.String(), "\x1b") {
				t.Errorf("error %v, stdout\n%s\nwant\n%s\nstderr %s", err, out.String(), c.stdout, errs.String())
			}
			if got := strings.Join(*posts, " "); got != c.posts {
				t.Errorf("posted %q, want %q", got, c.posts)
			}
		})
	}
}

// A token is kept for its server, in a file that nobody else reads.
func TestLogin(t *testing.T) {
	url, _ := answers(t, "success")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("YACI_URL", "")
	t.Setenv("YACI_API_TOKEN", "")
	var out bytes.Buffer
	say := output{&out, &out}
	if err := (login{URL: url}).Run(t.Context(), strings.NewReader("t\n"), say); err != nil {
		t.Fatal(err)
	}
	path, err := accountFile()
	if err != nil {
		t.Fatal(err)
	}
	if mode := modeOf(t, path); mode != 0o600 {
		t.Errorf("%s has mode %o", path, mode)
	}
	a, err := (remote{}).account()
	if err != nil || a != (account{URL: url, Token: "t"}) {
		t.Errorf("stored: %+v, %v", a, err)
	}
	if a, err := (remote{URL: "https://elsewhere.example"}).account(); err != nil || a.Token != "" {
		t.Errorf("the token would be sent to another server: %+v, %v", a, err)
	}
	if err := (login{URL: url}).Run(t.Context(), strings.NewReader("wrong\n"), say); err == nil {
		t.Error("a bad token is kept")
	}
}

func TestCompletion(t *testing.T) {
	for words, want := range map[string]string{
		"complete -- re":                 "render\nrepo\nretry\n",
		"complete -- token ":             "create\n",
		"complete -- ls --state s":       "skipped\nsuccess\n",
		"complete -- logs --fo":          "--follow\n",
		"complete -- ls --branch x --au": "--author\n",
		"complete -- completion ":        "bash\nfish\nzsh\n",
		"completion bash":                "complete -o default -F _yaci yaci\n",
		"completion zsh":                 "compdef _yaci yaci\n",
		"completion fish":                "complete -c yaci",
	} {
		var out, errs bytes.Buffer
		err := run(t.Context(), strings.Split(words, " "), &out, &errs)
		if err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v, %q", words, err, out.String())
		}
	}
}

func modeOf(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}
