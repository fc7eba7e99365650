package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"time"
)

// Config has every setting of the server. Each field is a flag and an environment variable.
type Config struct {
	Listen        string `default:":4000" env:"YACI_LISTEN" help:"Address to listen on."`
	MetricsListen string `default:"127.0.0.1:4001" env:"YACI_METRICS_LISTEN" help:"Address of /metrics (Prometheus) and of /readyz with details, for operators; off disables it."`
	Pages
	Storage
	WebhookSecret string `env:"YACI_WEBHOOK_SECRET" help:"Secret of the GitHub App's webhook. Required."`
	GithubAPIURL  string `name:"github-api-url" default:"https://api.github.com/" env:"YACI_GITHUB_API_URL" help:"Address of GitHub's API."`
	GithubAppID   int64  `name:"github-app-id" env:"YACI_GITHUB_APP_ID" help:"Id of the GitHub App."`
	GithubAppKey  string `name:"github-app-key-file" env:"YACI_GITHUB_APP_KEY_FILE" help:"File with the App's private key (PEM)."`
	AppKeyPEM     []byte `kong:"-"` // private key of an App that /setup has created; no setting
	GithubToken   string `name:"github-token" env:"YACI_GITHUB_TOKEN" help:"A personal access token instead of an App."`
	APIToken      string `name:"api-token" env:"YACI_API_TOKEN" help:"An API token with every scope, to start with; yaci token create makes others."`
	ForkPolicy    string `default:"approval" env:"YACI_FORK_POLICY" help:"When to run pull requests from forks by people without write access: approval (a maintainer must approve), never or always."`
	Kubeconfig    string `env:"KUBECONFIG" help:"Cluster to run in; default: the pod's own, or ~/.kube/config."`
	LogLimit      int64  `default:"67108864" env:"YACI_LOG_LIMIT" help:"Bytes to keep of a step's log: half from its beginning, half from its end."`
	LogReserve    int64  `default:"1073741824" env:"YACI_LOG_RESERVE" help:"Bytes of disk space that logs leave free for the database, if YACI_LOG_STORE is a directory on the same file system. With less free space, logs are dropped. 0 means no reserve."`
	Namespace     string `default:"yaci-builds" env:"YACI_NAMESPACE" help:"Namespace of the Jobs."`
	Retention
	Registries
	Pods
	RunImage            string        `default:"alpine" env:"YACI_RUN_IMAGE" help:"Image for POST /run if the request names none."`
	HealEvery           time.Duration `default:"5m" env:"YACI_HEAL_EVERY" help:"How often to look for missed webhooks, in GitHub's delivery log and by comparing the heads of branches and pull requests."`
	MaxRunning          int           `default:"50" env:"YACI_MAX_RUNNING" help:"Maximum number of running Jobs."`
	MaxRunningPerRepo   int           `name:"max-running-per-repo" default:"0" env:"YACI_MAX_RUNNING_PER_REPO" help:"Maximum number of running Jobs per repository; 0 means no limit."`
	MaxRunningPerPerson int           `name:"max-running-per-person" default:"0" env:"YACI_MAX_RUNNING_PER_PERSON" help:"Maximum number of running Jobs per person; 0 means no limit."`
	KueueQueue          string        `name:"kueue-queue" env:"YACI_KUEUE_QUEUE" help:"LocalQueue of Kueue that admits the Jobs; YACI's own limits do not apply then."`
}

// Unconnected reports whether the settings name no GitHub credentials. The server then uses the App that is stored in
// the database, or serves /setup to create one. A key file that does not exist does not count without an id, since
// deploy/base always names one.
func (c Config) Unconnected() bool {
	_, err := os.Stat(c.GithubAppKey)
	return c.GithubAppID == 0 && c.GithubToken == "" && (c.GithubAppKey == "" || errors.Is(err, os.ErrNotExist))
}

// firstStart reports whether /setup can create an App.
func (c Config) firstStart() bool { return c.PublicURL != "" && c.Unconnected() }

// Problems returns a sentence for each problem of the settings: what is wrong, a colon, and what to do.
func (c Config) Problems() (ps []string) {
	problem := func(format string, args ...any) { ps = append(ps, fmt.Sprintf(format, args...)) }
	if c.WebhookSecret == "" && !c.firstStart() {
		problem("YACI_WEBHOOK_SECRET is empty: set it to the secret of the GitHub App's webhook.")
	}
	ps = append(ps, c.Pages.problems(c.GithubToken == "")...)
	ps = append(ps, c.Storage.Problems()...)
	u, err := url.Parse(c.GithubAPIURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		problem("YACI_GITHUB_API_URL is %q: write a URL like https://api.github.com/.", c.GithubAPIURL)
	}
	token := c.GithubToken != ""
	app := c.GithubAppID != 0 || c.GithubAppKey != "" && !c.firstStart()
	switch {
	case app && token:
		problem("Both a GitHub App and YACI_GITHUB_TOKEN are set: use only one of them.")
	case !app && !token:
		if c.PublicURL == "" {
			problem(
				"GitHub is not connected: set YACI_PUBLIC_URL, and the server's log has a page that creates a GitHub App; " +
					"or set YACI_GITHUB_APP_ID and YACI_GITHUB_APP_KEY_FILE, or YACI_GITHUB_TOKEN.",
			)
		}
	case app && (c.GithubAppID == 0 || c.GithubAppKey == ""):
		problem("A GitHub App needs both YACI_GITHUB_APP_ID and YACI_GITHUB_APP_KEY_FILE.")
	case app:
		if _, err := os.Stat(c.GithubAppKey); err != nil {
			problem("YACI_GITHUB_APP_KEY_FILE cannot be read: %v.", err)
		}
	}
	if !slices.Contains([]string{"approval", "never", "always"}, c.ForkPolicy) {
		problem("YACI_FORK_POLICY is %q: write approval, never or always.", c.ForkPolicy)
	}
	if c.LogLimit < 1<<20 {
		problem("YACI_LOG_LIMIT is %d: set at least 1048576 (1 MiB).", c.LogLimit)
	}
	if c.LogReserve < 0 {
		problem("YACI_LOG_RESERVE is %d: write a number of bytes, or 0 for no reserve.", c.LogReserve)
	}
	if c.HealEvery < time.Second {
		problem("YACI_HEAL_EVERY is %v: set at least 1s.", c.HealEvery)
	}
	if c.MaxRunning < 1 {
		problem("YACI_MAX_RUNNING is %d: set at least 1.", c.MaxRunning)
	}
	if c.MaxRunningPerRepo < 0 || c.MaxRunningPerPerson < 0 {
		problem("YACI_MAX_RUNNING_PER_REPO and YACI_MAX_RUNNING_PER_PERSON must not be negative: 0 means no limit.")
	}
	ps = append(ps, c.Retention.Problems()...)
	ps = append(ps, c.Registries.problems()...)
	return append(ps, c.Pods.problems()...)
}
