// Command demo shows the main job on this machine: a GitHub to test against with
// a sample repository, the real server, two real pushes, and what GitHub would
// show of them. `make demo` runs it; with WAIT=1 it stays up until Ctrl-C and
// shows everything that runs meanwhile.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
)

const green = `image: IMAGE
steps:
  - name: greet
    run: echo "Hello from $YACI_REPO, branch $YACI_BRANCH"
  - name: test
    run: |
      for i in 1 2 3; do echo "test $i of 3 ... ok"; sleep 1; done
`

// runTime bounds one run that the demo waits for.
const runTime = 2 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx)
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "demo: "+err.Error())
		os.Exit(1)
	}
}

// demo is everything that is up.
type demo struct {
	terminal
	github *citest.GitHub
	ada    citest.User
	repo   *citest.Repo
	clone  *citest.Clone
	server *server
	shown  map[string]int64 // by commit, the last status that was shown
}

// run starts everything, shows a green and a red push, and ends it again.
func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "yaci-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d := &demo{terminal: newTerminal(os.Stdout), shown: map[string]int64{}}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	d.github, err = citest.New(
		citest.Options{
			Addr:       os.Getenv("YACI_LOCAL_HOST") + ":0",
			HookURL:    "http://" + address + "/webhook",
			HookSecret: hookSecret,
		},
	)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.github.Close()) }()
	if d.server, err = serve(dir, address, d.github); err != nil {
		return err
	}
	defer d.server.stop()
	d.ada = d.github.CreateUser("ada")
	if d.repo, err = d.github.CreateRepo("ada/hello", true); err != nil {
		return err
	}
	if d.clone, err = d.repo.Clone(filepath.Join(dir, "hello"), d.ada); err != nil {
		return err
	}
	d.line("")
	d.line("%s   %s, with the private repository %s", d.bold("GitHub"), d.github.URL(), d.repo.FullName())
	d.line("%s     http://%s", d.bold("YACI"), address)
	if config := os.Getenv("KUBECONFIG"); config != "" {
		d.line("%s  KUBECONFIG=%s", d.bold("Cluster"), config)
	}
	return d.story(ctx)
}

// story is what is shown.
func (d *demo) story(ctx context.Context) error {
	if _, err := d.push(ctx, "Say hello", green); err != nil {
		return err
	}
	red, err := d.push(
		ctx,
		"Break a test",
		strings.Replace(green, `"test $i of 3 ... ok"; sleep 1; done`, `"test $i of 3 ... ok"; sleep 1; done
      echo "test 4: expected 4, got 5"
      exit 1`, 1),
	)
	if err != nil {
		return err
	}
	d.goOn(red)
	if v := d.github.Violations(); len(v) > 0 {
		return fmt.Errorf("GitHub would have refused: %v", v)
	}
	if os.Getenv("WAIT") == "" {
		return nil
	}
	for {
		j, err := d.server.nextJob(ctx)
		if err == nil {
			err = d.show(ctx, j)
		}
		if err != nil {
			return err
		}
	}
}

// push is a real git push of a pipeline; it returns the job that it led to.
func (d *demo) push(ctx context.Context, title, yaml string) (job, error) {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	yaml = strings.ReplaceAll(yaml, "IMAGE", os.Getenv("YACI_RUN_IMAGE"))
	if _, err := d.clone.Commit(title, map[string]string{".yaci.yml": yaml}); err != nil {
		return job{}, err
	}
	d.line("")
	d.line("%s %s", d.bold("$ cat"), ".yaci.yml")
	d.block("  ", yaml)
	d.line("%s %q", d.bold("$ git commit -m"), title)
	d.line("%s", d.bold("$ git push origin main"))
	out, err := d.clone.Git("push", "origin", "main")
	if err != nil {
		return job{}, err
	}
	d.block("  ", out)
	j, err := d.server.nextJob(ctx)
	if err != nil {
		return j, fmt.Errorf("wait for the job of %q: %w", title, err)
	}
	return j, d.show(ctx, j)
}

// show follows a job to its end, then shows its commit as GitHub would.
func (d *demo) show(ctx context.Context, j job) error {
	d.line("")
	d.line("%s %s", d.bold("Job"), j.name)
	state, err := d.server.follow(ctx, j, func(line string) { d.line("  %s %s", d.dim("│"), line) })
	if err != nil {
		return err
	}
	commit, err := d.clone.Git("log", "-1", "--format=%H %s", j.sha)
	if j.sha == "" || err != nil { // a command, or a commit of another clone
		d.line("  %s %s", d.mark(state), state)
		return nil
	}
	sha, title, _ := strings.Cut(commit, " ")
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	st, err := d.repo.WaitStatus(
		ctx,
		sha,
		"yaci",
		func(s citest.Status) bool { return citest.Finished(s) && s.ID > d.shown[sha] },
	)
	if err != nil {
		return err
	}
	d.shown[sha] = st.ID
	d.checks(sha, title, st)
	return nil
}

// checks is the box that GitHub shows below a commit.
func (d *demo) checks(sha, title string, st citest.Status) {
	mark := d.mark(st.State)
	verdict := "Some checks were not successful"
	count := "1 failing check"
	if st.State == "success" {
		verdict, count = "All checks have passed", "1 successful check"
	}
	d.line("")
	d.line("%s %s  %s", d.dim(sha[:7]), title, d.dim("("+d.repo.FullName()+")"))
	d.line("  %s %s %s", mark, d.bold(verdict), d.dim("· "+count))
	d.line("    %s %s — %s", mark, d.bold(st.Context), st.Description)
}
