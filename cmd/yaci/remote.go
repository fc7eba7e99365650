package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/client"
	"github.com/yaci-ci/yaci/internal/wire"
)

// remote has the flags of every command that calls the server.
type remote struct {
	URL      string `name:"url" env:"YACI_URL" help:"Address of the server; default: that of yaci login."`
	APIToken string `name:"api-token" env:"YACI_API_TOKEN" help:"API token; default: that of yaci login."`
	Repo     string `short:"R" env:"YACI_REPO" placeholder:"OWNER/NAME" help:"Repository; default: that of the git remote."`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// account is what yaci login stores.
type account struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// accountFile returns the path of the stored account.
func accountFile() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "yaci", "account.json"), err
}

// storedAccount returns what yaci login stored, or the zero account.
func storedAccount() (account, error) {
	var stored account
	path, err := accountFile()
	if err != nil {
		return stored, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return stored, nil
	}
	if err != nil {
		return stored, err
	}
	if len(data) == 0 {
		return stored, nil
	}
	if err := json.Unmarshal(data, &stored); err != nil {
		return stored, fmt.Errorf("%s: %w", path, err)
	}
	return stored, nil
}

// server returns a client for the account of the flags.
func (r remote) server() (*client.Client, error) {
	a, err := r.account()
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{URL: a.URL, Token: a.Token})
}

// account returns the flags, completed by what yaci login stored. A stored token is only used for the server that it
// was stored for.
func (r remote) account() (account, error) {
	a := account{URL: r.URL, Token: r.APIToken}
	if a.URL != "" && a.Token != "" {
		return a, nil
	}
	stored, err := storedAccount()
	if err != nil {
		return a, err
	}
	if a.URL == "" {
		a.URL = stored.URL
	}
	if a.Token == "" && strings.TrimSuffix(a.URL, "/") == strings.TrimSuffix(stored.URL, "/") {
		a.Token = stored.Token
	}
	if a.URL == "" {
		return a, errors.New("no server is known: run yaci login URL, or set YACI_URL and YACI_API_TOKEN")
	}
	return a, nil
}

// repositoryName matches owner/name.
var repositoryName = regexp.MustCompile(`^[^/\s]+/[^/\s]+$`)

// repository returns owner/name: of the flag, or of the git remote.
func (r remote) repository(ctx context.Context) (string, error) {
	if r.Repo != "" {
		if !repositoryName.MatchString(r.Repo) {
			return "", fmt.Errorf("%q is not a repository: write owner/name", r.Repo)
		}
		return r.Repo, nil
	}
	remotes, err := gitOutput(ctx, "remote")
	if err != nil || remotes == "" {
		return "", errors.New("there is no git remote here that names the repository: use -R owner/name")
	}
	names := strings.Fields(remotes)
	name := names[0]
	if slices.Contains(names, "origin") {
		name = "origin"
	}
	address, err := gitOutput(ctx, "remote", "get-url", name)
	if err != nil {
		return "", err
	}
	repo := repositoryOf(address)
	if repo == "" {
		return "", fmt.Errorf("git remote %s is %s, which names no repository: use -R owner/name", name, address)
	}
	return repo, nil
}

// repositoryOf returns owner/name of a git address: https://host/owner/name.git, ssh://git@host/owner/name or
// git@host:owner/name. It returns "" for any other address.
func repositoryOf(address string) string {
	path := address
	u, err := url.Parse(address)
	if err == nil && u.Scheme != "" {
		path = u.Path
	} else if _, after, ok := strings.Cut(address, ":"); ok {
		path = after
	}
	parts := strings.Split(strings.Trim(strings.TrimSuffix(path, ".git"), "/"), "/")
	if len(parts) != 2 || parts[0] == "" || parts[1] == "" {
		return ""
	}
	return parts[0] + "/" + parts[1]
}

// gitOutput returns the trimmed output of a git command in the current directory.
func gitOutput(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// runView is a run as the API returns it.
type runView wire.Run

// name returns what users call the run: #12, or its id if it has no number.
func (v runView) name() string {
	if v.Number == 0 {
		return string(v.ID)
	}
	return fmt.Sprintf("#%d", v.Number)
}

// ref returns the branch, tag or pull request of the run, or else its event.
func (v runView) ref() string {
	switch {
	case v.PR != 0:
		return fmt.Sprintf("PR #%d", v.PR)
	case v.Tag != "":
		return v.Tag
	case v.Branch != "":
		return v.Branch
	}
	return string(v.Event)
}

// duration returns how long the run has been running, or ran; zero before its start.
func (v runView) duration(now time.Time) time.Duration {
	if v.Started == nil {
		return 0
	}
	if v.Finished != nil {
		now = *v.Finished
	}
	return now.Sub(*v.Started)
}

// path returns the path of the run's page.
func (v runView) path() string {
	if v.Number == 0 || v.Repo == "" {
		return "/-/runs/" + string(v.ID)
	}
	return fmt.Sprintf("/%s/runs/%d", v.Repo, v.Number)
}

// listRuns returns the newest runs that a query selects.
func listRuns(ctx context.Context, c *client.Client, q url.Values) ([]runView, error) {
	var page struct {
		Runs []runView `json:"runs"`
	}
	err := c.Do(ctx, "GET", "/api/v1/runs?"+q.Encode(), nil, &page)
	return page.Runs, err
}

// find returns the run that an argument names: a number (#12 or 12), an id, a commit, or "" for the newest run of the
// current branch.
func (r remote) find(ctx context.Context, c *client.Client, arg string) (runView, error) {
	if isRunID(arg) {
		return runByID(ctx, c, arg)
	}
	if oldRunID.MatchString(arg) {
		v, err := runByID(ctx, c, arg)
		failed, ok := errors.AsType[*client.Error](err)
		if !ok || failed.Status != http.StatusNotFound {
			return v, err
		}
	}
	repo, err := r.repository(ctx)
	if err != nil {
		return runView{}, err
	}
	q := url.Values{"limit": {"1"}, "repo": {repo}}
	description, err := r.selectRun(ctx, q, arg)
	if err != nil {
		return runView{}, err
	}
	list, err := listRuns(ctx, c, q)
	if err != nil {
		return runView{}, err
	}
	if len(list) == 0 {
		return runView{}, fmt.Errorf("%s has no run%s; yaci ls lists its runs", repo, description)
	}
	return list[0], nil
}

func runByID(ctx context.Context, c *client.Client, id string) (v runView, err error) {
	err = c.Do(ctx, "GET", "/api/v1/runs/"+id, nil, &v)
	return v, err
}

// currentBranch returns the branch that is checked out; "" if there is none, or no repository.
func currentBranch(ctx context.Context) string {
	branch, err := gitOutput(ctx, "branch", "--show-current")
	if err != nil {
		return ""
	}
	return branch
}

// selectRun adds what an argument means to a query, and returns words for it. A repository that was given by a flag has
// no current branch.
func (r remote) selectRun(ctx context.Context, q url.Values, arg string) (description string, err error) {
	number := strings.TrimPrefix(arg, "#")
	switch {
	case arg == "":
		branch := currentBranch(ctx)
		if branch == "" || r.Repo != "" {
			return "", nil
		}
		q.Set("branch", branch)
		return " of the branch " + branch, nil
	case runNumber.MatchString(number):
		q.Set("number", number)
		return " #" + number, nil
	}
	sha, err := resolveCommit(ctx, arg)
	if err != nil {
		return "", err
	}
	q.Set("sha", sha)
	return " of the commit " + arg, nil
}

var (
	runNumber = regexp.MustCompile(`^\d{1,6}$`)
	runID     = regexp.MustCompile(`^[a-z2-7]{10}$`)
	// oldRunID matches ids of earlier versions that can be the beginning of a commit id as well.
	oldRunID = regexp.MustCompile(`^[a-f2-7]{10}$`)
	commitID = regexp.MustCompile(`^[0-9a-f]{7,64}$`)
)

// isRunID reports whether an argument can only be the id of a run: ten characters of base32, of which one is not a
// hexadecimal digit. Ids of this version begin with an r.
func isRunID(arg string) bool {
	return runID.MatchString(arg) && strings.Trim(arg, "0123456789abcdef") != ""
}

// resolveCommit returns the id of a commit that git knows by some name. A hexadecimal id that git does not know is
// returned unchanged.
func resolveCommit(ctx context.Context, name string) (string, error) {
	sha, err := gitOutput(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if err == nil {
		return sha, nil
	}
	if commitID.MatchString(name) {
		return name, nil
	}
	return "", fmt.Errorf("%q is neither a run nor a commit that git knows here", name)
}

// post makes a call with a new idempotency key, so that the server executes it once even if it is sent repeatedly.
func post(ctx context.Context, c *client.Client, path string, in, out any) error {
	return c.WithIdempotencyKey(rand.Text()).Do(ctx, "POST", path, in, out)
}
