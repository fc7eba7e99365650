package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/yaci-ci/yaci/internal/client"
	"github.com/yaci-ci/yaci/internal/terminal"
)

// runCmd starts a commit or, behind --, a command.
type runCmd struct {
	remote
	What   []string `arg:"" optional:"" name:"commit-or-branch" help:"What to run; default: HEAD. Behind --, a shell command."`
	Branch string   `help:"Branch that the commit is of; default: for HEAD the one that is checked out, else that of its last run, else the default branch."`
	Image  string   `help:"Runs a command, in this image; default for commands: the server's YACI_RUN_IMAGE."`
	Wait   bool     `short:"w" help:"Wait for its end, and exit as yaci wait does; of a command print the log too."`
}

// Help has examples.
func (runCmd) Help() string {
	return `Runs the .yaci.yml of a commit that GitHub has, as a push to its branch would. A commit that has its run gets the next attempt, all of it. A branch stands for its head on GitHub; a commit that is no branch's head gets no secrets. For the working tree see yaci exec.

Behind --, or with --image, runs one shell command as a Job on the server, without a repository.

Examples:
  yaci run                              HEAD
  yaci run main --wait
  yaci run 9c2f1ab --branch topic
  yaci run -- make test
  yaci run -w --image alpine 'uname -a'`
}

// Run starts one or the other.
func (r runCmd) Run(ctx context.Context, out output, k *kong.Context) error {
	c, err := r.server()
	if err != nil {
		return err
	}
	command := r.Image != "" || slices.Contains(k.Args, "--")
	switch {
	case command && r.Branch != "":
		return errors.New("a command has no branch: leave --branch out")
	case command && len(r.What) == 0:
		return errors.New("there is no command: write it behind --, as in yaci run -- make test")
	case command:
		return r.command(ctx, c, out)
	case len(r.What) > 1:
		return fmt.Errorf(
			"yaci run takes one commit or branch; a command comes behind --, as in yaci run -- %s",
			strings.Join(r.What, " "),
		)
	}
	return r.commit(ctx, c, out)
}

// commit starts the run of a commit, and waits for it, or for the one that runs there already.
func (r runCmd) commit(ctx context.Context, c client.Client, out output) error {
	repo, err := r.repository(ctx)
	if err != nil {
		return err
	}
	q, err := r.ref(ctx)
	if err != nil {
		return err
	}
	owner, name, _ := strings.Cut(repo, "/")
	var made newAttempt
	err = post(ctx, c, "/api/v1/repos/"+url.PathEscape(owner)+"/"+url.PathEscape(name)+"/runs?"+q.Encode(), nil, &made)
	no, ok := errors.AsType[*client.Error](err)
	if ok && no.Run != "" && r.Wait {
		s := terminal.New(out.stderr, os.Getenv)
		s.Say("%s", terminal.Clean(no.Detail))
		return waiter{c: c, json: r.JSON}.wait(ctx, []string{no.Run}, out)
	}
	if err != nil {
		return err
	}
	t, err := r.find(ctx, c, made.Run)
	if err != nil {
		return err
	}
	return after(ctx, c, made, t.name(), r.JSON, r.Wait, out)
}

// ref is what the server is asked for: the id of what git takes for a commit here,
// but a branch by its name, since GitHub's head of it is meant. What git does not
// know may be known there.
func (r runCmd) ref(ctx context.Context) (url.Values, error) {
	what, branch := "HEAD", r.Branch
	if len(r.What) == 1 {
		what = r.What[0]
	}
	if what == "HEAD" {
		sha, err := gitSays(ctx, "rev-parse", "--verify", "HEAD^{commit}")
		if err != nil {
			return nil, errors.New("there is no commit here: name a branch, as in yaci run main")
		}
		if branch == "" {
			branch, _ = gitSays(ctx, "branch", "--show-current") // none when HEAD is detached
		}
		what = sha
	} else if !isBranch(ctx, what) {
		if sha, err := commit(ctx, what); err == nil {
			what = sha
		}
	}
	q := url.Values{"ref": {what}}
	if branch != "" {
		q.Set("branch", branch)
	}
	return q, nil
}

// isBranch reports whether git knows a branch of this name, here or as it was last fetched.
func isBranch(ctx context.Context, name string) bool {
	refs, err := gitSays(ctx, "for-each-ref", "--format=%(refname)", "refs/heads/"+name, "refs/remotes/*/"+name)
	return err == nil && slices.ContainsFunc(strings.Fields(refs), func(ref string) bool {
		short, here := strings.CutPrefix(ref, "refs/heads/")
		return !here || short == name
	})
}

// command runs one in a Job of its own.
func (r runCmd) command(ctx context.Context, c client.Client, out output) error {
	path := "/run"
	if r.Image != "" {
		path += "?image=" + url.QueryEscape(r.Image)
	}
	var made struct {
		Name string `json:"name"`
	}
	if err := post(ctx, c, path, strings.NewReader(strings.Join(r.What, " ")), &made); err != nil {
		return err
	}
	id, _, ok := strings.Cut(strings.TrimPrefix(made.Name, "yaci-"), "-")
	if !ok {
		return errors.New("the server answered with " + made.Name + ", which is no job of a run")
	}
	switch {
	case r.JSON && !r.Wait:
		return printJSON(out, map[string]string{"name": made.Name, "run": id})
	case !r.Wait:
		_, err := fmt.Fprintln(out.stdout, id)
		return err
	case !r.JSON:
		if err := (logsCmd{oneRun: oneRun{remote: r.remote, ID: id}, Follow: true}).Run(ctx, out); err != nil {
			return err
		}
	}
	return waiter{c: c, json: r.JSON}.wait(ctx, []string{id}, out)
}
