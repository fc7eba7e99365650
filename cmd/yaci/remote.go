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
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/client"
	"github.com/yaci-ci/yaci/internal/wire"
)

// remote is what every command that calls the server takes.
type remote struct {
	URL      string `name:"url" env:"YACI_URL" help:"Address of the server; default: that of yaci login."`
	APIToken string `name:"api-token" env:"YACI_API_TOKEN" help:"Token; default: that of yaci login."`
	Repo     string `short:"R" env:"YACI_REPO" placeholder:"OWNER/NAME" help:"Repository; default: the one that git remote names."`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// account is what yaci login keeps.
type account struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

func accountFile() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "yaci", "account.json"), err
}

// server is the client for what was given, or else for what yaci login keeps. A
// kept token goes to the server that it was kept for alone.
func (r remote) server() (client.Client, error) {
	c := client.Client{BaseURL: r.URL, Token: r.APIToken}
	if c.BaseURL != "" && c.Token != "" {
		return c, nil
	}
	path, err := accountFile()
	if err != nil {
		return c, err
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return c, err
	}
	var kept account
	if len(data) > 0 {
		if err := json.Unmarshal(data, &kept); err != nil {
			return c, fmt.Errorf("%s: %w", path, err)
		}
	}
	if c.BaseURL == "" {
		c.BaseURL = kept.URL
	}
	if c.Token == "" && strings.TrimSuffix(c.BaseURL, "/") == strings.TrimSuffix(kept.URL, "/") {
		c.Token = kept.Token
	}
	if c.BaseURL == "" {
		return c, errors.New("no server is known: yaci login URL, or set YACI_URL and YACI_API_TOKEN")
	}
	return c, nil
}

// repository is owner/name.
func (r remote) repository(ctx context.Context) (string, error) {
	if r.Repo != "" {
		if !regexp.MustCompile(`^[^/\s]+/[^/\s]+$`).MatchString(r.Repo) {
			return "", fmt.Errorf("%q is no repository: write owner/name", r.Repo)
		}
		return r.Repo, nil
	}
	names, err := gitSays(ctx, "remote")
	if err != nil || names == "" {
		return "", errors.New("there is no git remote here that names the repository: use -R owner/name")
	}
	name := strings.Fields(names)[0]
	for _, n := range strings.Fields(names) {
		if n == "origin" {
			name = n
		}
	}
	address, err := gitSays(ctx, "remote", "get-url", name)
	if err != nil {
		return "", err
	}
	repo := repositoryOf(address)
	if repo == "" {
		return "", fmt.Errorf("git remote %s is %s, which names no repository: use -R owner/name", name, address)
	}
	return repo, nil
}

// repositoryOf reads https://host/owner/name.git, ssh://git@host/owner/name and git@host:owner/name.
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

// gitSays is the output of a git command in the current directory.
func gitSays(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// told is a run as the API tells of it.
type told wire.Run

// name is how people call a run.
func (t told) name() string {
	if t.Number == 0 {
		return string(t.ID)
	}
	return fmt.Sprintf("#%d", t.Number)
}

// where is the branch, tag or pull request.
func (t told) where() string {
	switch {
	case t.PR != 0:
		return fmt.Sprintf("PR #%d", t.PR)
	case t.Tag != "":
		return t.Tag
	case t.Branch != "":
		return t.Branch
	}
	return string(t.Event)
}

// took is how long it runs, or ran; zero before it has begun.
func (t told) took(now time.Time) time.Duration {
	if t.Started == nil {
		return 0
	}
	if t.Finished != nil {
		now = *t.Finished
	}
	return now.Sub(*t.Started)
}

// page is the path of its page.
func (t told) page() string {
	if t.Number == 0 || t.Repo == "" {
		return "/-/runs/" + string(t.ID)
	}
	return fmt.Sprintf("/%s/runs/%d", t.Repo, t.Number)
}

// runs asks for the newest runs that a query selects.
func runs(ctx context.Context, c client.Client, q url.Values) ([]told, error) {
	var page struct {
		Runs []told `json:"runs"`
	}
	err := c.Do(ctx, "GET", "/api/v1/runs?"+q.Encode(), nil, &page)
	return page.Runs, err
}

// find is the run that an argument means: #12 or 12, an id, a commit (or what
// git takes for one), or nothing for the newest of the branch that is checked out.
func (r remote) find(ctx context.Context, c client.Client, arg string) (told, error) {
	q := url.Values{"limit": {"1"}}
	number := strings.TrimPrefix(arg, "#")
	if isRunID(arg) {
		var t told
		err := c.Do(ctx, "GET", "/api/v1/runs/"+arg, nil, &t)
		return t, err
	}
	if oldRunID.MatchString(arg) {
		var t told
		err := c.Do(ctx, "GET", "/api/v1/runs/"+arg, nil, &t)
		no, ok := errors.AsType[*client.Error](err)
		if !ok || no.Status != http.StatusNotFound {
			return t, err
		}
	}
	repo, err := r.repository(ctx)
	if err != nil {
		return told{}, err
	}
	q.Set("repo", repo)
	what := ""
	switch {
	case arg == "":
		branch, err := gitSays(ctx, "branch", "--show-current")
		if err == nil && branch != "" && r.Repo == "" {
			q.Set("branch", branch)
			what = " of the branch " + branch
		}
	case regexp.MustCompile(`^\d{1,6}$`).MatchString(number):
		q.Set("number", number)
		what = " #" + number
	default:
		sha, err := commit(ctx, arg)
		if err != nil {
			return told{}, err
		}
		q.Set("sha", sha)
		what = " of the commit " + arg
	}
	list, err := runs(ctx, c, q)
	if err != nil {
		return told{}, err
	}
	if len(list) == 0 {
		return told{}, fmt.Errorf("%s has no run%s; yaci ls shows those there are", repo, what)
	}
	return list[0], nil
}

// oldRunID is what a run's id of an earlier version can look like that could be a commit's as well.
var oldRunID = regexp.MustCompile(`^[a-f2-7]{10}$`)

// isRunID reports whether an argument is the id of a run and nothing else. Ids begin with an r, which no commit's has;
// those of earlier versions are ten letters and digits of base32.
func isRunID(arg string) bool {
	return regexp.MustCompile(`^[a-z2-7]{10}$`).MatchString(arg) && strings.Trim(arg, "0123456789abcdef") != ""
}

// commit is the id of what git takes for a commit here; digits that git does not know stay as they are.
func commit(ctx context.Context, name string) (string, error) {
	sha, err := gitSays(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if err == nil {
		return sha, nil
	}
	if regexp.MustCompile(`^[0-9a-f]{7,64}$`).MatchString(name) {
		return name, nil
	}
	return "", fmt.Errorf("%q is no run, and git knows no such commit here", name)
}

// post makes a call that is carried out once, however often it is sent.
func post(ctx context.Context, c client.Client, path string, in, out any) error {
	c.Key = rand.Text()
	return c.Do(ctx, "POST", path, in, out)
}
