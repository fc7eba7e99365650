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

// runCmd runs a commit or, after --, a command.
type runCmd struct {
	remote
	What   []string `arg:"" optional:"" name:"commit-or-branch" help:"What to run; default: HEAD. After --, a shell command."`
	Branch string   `help:"Branch of the commit. Default: for HEAD the current branch, otherwise that of the commit's last run, otherwise the default branch."`
	Image  string   `help:"Run a command in this image. Default for commands: the server's YACI_RUN_IMAGE."`
	Wait   bool     `short:"w" help:"Wait until it has finished and exit like yaci wait. For a command, print the log too."`
}

// Help returns examples.
func (runCmd) Help() string {
	return `Runs the .yaci.yml of a commit that has been pushed to GitHub, as a push to its branch would. If the commit has
a run already, the run gets a new attempt of all jobs. A branch means its head on GitHub. Commits that are not the head of
their branch get no secrets. To run the working tree see yaci exec.

After --, or with --image, runs one shell command as a Job on the server, without a repository.

Examples:
  yaci run                              HEAD
  yaci run main --wait
  yaci run 9c2f1ab --branch topic
  yaci run -- make test
  yaci run -w --image alpine 'uname -a'`
}

// Run starts a commit or a command.
func (r runCmd) Run(ctx context.Context, out output, k *kong.Context) error {
	c, err := r.server()
	if err != nil {
		return err
	}
	isCommand := r.Image != "" || slices.Contains(k.Args, "--")
	switch {
	case isCommand && r.Branch != "":
		return errors.New("a command has no branch: omit --branch")
	case isCommand && len(r.What) == 0:
		return errors.New("the command is missing: write it after --, as in yaci run -- make test")
	case isCommand:
		return r.runCommand(ctx, c, out)
	case len(r.What) > 1:
		return fmt.Errorf("yaci run takes one commit or branch; write a command after --, as in yaci run -- %s",
			strings.Join(r.What, " "))
	}
	return r.runCommit(ctx, c, out)
}

// runCommit starts the run of a commit. With --wait it waits for it, or for the run that is in progress already.
func (r runCmd) runCommit(ctx context.Context, c *client.Client, out output) error {
	repo, err := r.repository(ctx)
	if err != nil {
		return err
	}
	q, err := r.refQuery(ctx)
	if err != nil {
		return err
	}
	owner, name, _ := strings.Cut(repo, "/")
	path := "/api/v1/repos/" + url.PathEscape(owner) + "/" + url.PathEscape(name) + "/runs?" + q.Encode()
	var made newAttempt
	err = post(ctx, c, path, nil, &made)
	conflict, ok := errors.AsType[*client.Error](err)
	if ok && conflict.Run != "" && r.Wait {
		s := terminal.New(out.stderr, os.Getenv)
		s.Say("%s", terminal.Clean(conflict.Detail))
		return waiter{client: c, json: r.JSON}.wait(ctx, []string{conflict.Run}, out)
	}
	if err != nil {
		return err
	}
	v, err := r.find(ctx, c, made.Run)
	if err != nil {
		return err
	}
	return printAttempt(ctx, c, made, v.name(), r.JSON, r.Wait, out)
}

// refQuery returns the ref and branch to ask the server for. A branch is passed by name, since its head on GitHub is
// meant. Everything else that git resolves here is passed as a commit id; what git does not know, the server may.
func (r runCmd) refQuery(ctx context.Context) (url.Values, error) {
	ref := "HEAD"
	branch := r.Branch
	if len(r.What) == 1 {
		ref = r.What[0]
	}
	if ref == "HEAD" {
		sha, err := gitOutput(ctx, "rev-parse", "--verify", "HEAD^{commit}")
		if err != nil {
			return nil, errors.New("there is no commit here: name a branch, as in yaci run main")
		}
		if branch == "" {
			branch, _ = gitOutput(ctx, "branch", "--show-current") // "" if HEAD is detached
		}
		ref = sha
	} else if !isBranch(ctx, ref) {
		if sha, err := resolveCommit(ctx, ref); err == nil {
			ref = sha
		}
	}
	q := url.Values{"ref": {ref}}
	if branch != "" {
		q.Set("branch", branch)
	}
	return q, nil
}

// isBranch reports whether git knows a local or remote-tracking branch with this name.
func isBranch(ctx context.Context, name string) bool {
	refs, err := gitOutput(ctx, "for-each-ref", "--format=%(refname)", "refs/heads/"+name, "refs/remotes/*/"+name)
	return err == nil && slices.ContainsFunc(strings.Fields(refs), func(ref string) bool {
		short, local := strings.CutPrefix(ref, "refs/heads/")
		return !local || short == name
	})
}

// runCommand runs a shell command in a Job of its own.
func (r runCmd) runCommand(ctx context.Context, c *client.Client, out output) error {
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
		return errors.New("the server answered with " + made.Name + ", which is not the name of a job")
	}
	switch {
	case r.JSON && !r.Wait:
		return printJSON(out, map[string]string{"name": made.Name, "run": id})
	case !r.Wait:
		_, err := fmt.Fprintln(out.stdout, id)
		return err
	case !r.JSON:
		follow := logsCmd{oneRun: oneRun{remote: r.remote, ID: id}, Follow: true}
		if err := follow.Run(ctx, out); err != nil {
			return err
		}
	}
	return waiter{client: c, json: r.JSON}.wait(ctx, []string{id}, out)
}
