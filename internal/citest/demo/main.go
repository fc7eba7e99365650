// Command demo shows the main job on this machine: a stand-in for GitHub with a
// sample repository, the real server, two pushes, and the statuses as GitHub
// would show them. `make demo` runs it; with WAIT=1 it stays up until Ctrl-C.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/citest/standin"
)

const (
	address = "127.0.0.1:4000"
	token   = "demo"
	secret  = "demo-secret"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo: "+err.Error())
		os.Exit(1)
	}
}

// run shows a green and a red push.
func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "yaci-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	gh, err := standin.Start(os.Getenv("YACI_LOCAL_HOST")+":0", filepath.Join(dir, "repos"))
	if err != nil {
		return err
	}
	defer gh.Close()
	gh.SetHook("http://"+address+"/webhook", secret)
	server, err := serve(dir, gh)
	if err != nil {
		return err
	}
	defer server.stop()
	repo, err := gh.CreateRepo("ada", "hello", true)
	if err != nil {
		return err
	}
	image := os.Getenv("YACI_RUN_IMAGE")
	green := "image: " + image + "\nsteps:\n  - name: greet\n    run: echo \"Hello from $YACI_REPO at $YACI_BRANCH\"\n  - name: test\n    run: |\n      sleep 1\n      echo all tests passed\n"
	red := strings.Replace(green, "echo all tests passed", "echo 'expected 4, got 5'; exit 1", 1)
	for _, push := range []struct{ title, yaml string }{{"Say hello", green}, {"Break the test", red}} {
		if err := show(ctx, gh, repo, server, push.title, push.yaml); err != nil {
			return err
		}
	}
	fmt.Printf("\nGo on:\n  curl -H 'Authorization: Bearer %s' %s/run -d 'echo great success'\n  curl -H 'Authorization: Bearer %[1]s' '%[2]s/get?id=NAME'\n  curl -H 'Authorization: Bearer %[1]s' -X POST '%[2]s/retry?id=NAME'\n", token, address)
	if os.Getenv("WAIT") != "" {
		fmt.Println("\nThe server stays up. Ctrl-C ends it.")
		<-ctx.Done()
	} else {
		fmt.Println("\nWAIT=1 make demo keeps the server up to try these.")
	}
	return nil
}

// show pushes a commit and tells what happens until its status is final.
func show(ctx context.Context, gh *standin.GitHub, repo *standin.Repo, s *process, title, yaml string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	fmt.Printf("\n● push to %s: %q\n", repo.FullName(), title)
	fmt.Println(indent(".yaci.yml\n" + yaml))
	sha, err := repo.Push("main", title, map[string]string{".yaci.yml": yaml})
	if err != nil {
		return err
	}
	done := make(chan struct{})
	output, finished := context.WithCancel(ctx)
	go func() { s.follow(output, sha); close(done) }()
	st, err := gh.WaitFinal(ctx, sha)
	finished()
	<-done
	if err != nil {
		return err
	}
	mark := map[string]string{"success": "✓", "failure": "✗"}[st.State]
	fmt.Printf("\n  %s %s  %s — %s   (commit %s, %s)\n", mark, st.Context, st.State, st.Description, sha[:7], repo.FullName())
	return nil
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}

// process is the running server.
type process struct {
	cmd *exec.Cmd
	log string // file
}

func serve(dir string, gh *standin.GitHub) (*process, error) {
	key := filepath.Join(dir, "app.pem")
	if err := os.WriteFile(key, gh.AppKey(), 0o600); err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command("bin/yaci", "serve"), log: filepath.Join(dir, "server.log")}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd.Stderr = log
	p.cmd.Env = append(os.Environ(), "YACI_LISTEN="+address, "YACI_DATABASE_URL=sqlite://"+filepath.Join(dir, "yaci.db"), "YACI_WEBHOOK_SECRET="+secret,
		"YACI_GITHUB_API_URL="+gh.APIURL(), fmt.Sprintf("YACI_GITHUB_APP_ID=%d", standin.AppID), "YACI_GITHUB_APP_KEY_FILE="+key, "YACI_API_TOKEN="+token)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		if res, err := http.Get("http://" + address + "/healthz"); err == nil {
			res.Body.Close()
			return p, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.stop()
	text, _ := os.ReadFile(p.log)
	return nil, fmt.Errorf("the server did not start: %s", text)
}

func (p *process) stop() {
	p.cmd.Process.Signal(os.Interrupt)
	p.cmd.Wait()
}

var launched = regexp.MustCompile(`job=(\S+) .*sha=([0-9a-f]+)`)

// follow prints what a commit's steps write, as it comes.
func (p *process) follow(ctx context.Context, sha string) {
	shown := 0
	for last := false; ; {
		text, _ := os.ReadFile(p.log)
		for line := range strings.Lines(string(text)) {
			if m := launched.FindStringSubmatch(line); m != nil && strings.HasPrefix(sha, m[2]) {
				log := output(m[1])
				for _, l := range strings.SplitAfter(log[min(shown, len(log)):], "\n") {
					if l != "" {
						fmt.Print("  │ " + l)
					}
				}
				shown = max(shown, len(log))
			}
		}
		if last {
			return
		}
		select {
		case <-ctx.Done():
			last = true // once more, for the end of the output
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func output(job string) string {
	req, err := http.NewRequest("GET", "http://"+address+"/get?id="+job, nil)
	if err != nil {
		return ""
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	var pods []struct{ Log string }
	data, _ := io.ReadAll(res.Body)
	if json.Unmarshal(data, &pods) != nil || len(pods) == 0 {
		return ""
	}
	return pods[0].Log
}
