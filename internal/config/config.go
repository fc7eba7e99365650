package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"time"
)

// Config is what an operator can set. Each field is a flag and, in capitals
// with YACI_ before it, a variable of the environment.
type Config struct {
	Listen        string `default:":4000" env:"YACI_LISTEN" help:"Address to listen on."`
	MetricsListen string `default:"127.0.0.1:4001" env:"YACI_METRICS_LISTEN" help:"Address of /metrics (Prometheus) and /readyz for those who operate the server; off: nowhere."`
	Pages
	Storage
	WebhookSecret string `env:"YACI_WEBHOOK_SECRET" help:"Secret of the GitHub App's webhook. Required."`
	GithubAPIURL  string `name:"github-api-url" default:"https://api.github.com/" env:"YACI_GITHUB_API_URL" help:"GitHub's API."`
	GithubAppID   int64  `name:"github-app-id" env:"YACI_GITHUB_APP_ID" help:"Id of the GitHub App."`
	GithubAppKey  string `name:"github-app-key-file" env:"YACI_GITHUB_APP_KEY_FILE" help:"File with the App's private key (PEM)."`
	AppKeyPEM     []byte `kong:"-"` // of an App that /setup has made
	GithubToken   string `name:"github-token" env:"YACI_GITHUB_TOKEN" help:"A personal token instead of an App."`
	APIToken      string `name:"api-token" env:"YACI_API_TOKEN" help:"API token that may do everything, to begin with; yaci token create makes others."`
	ForkPolicy    string `default:"approval" env:"YACI_FORK_POLICY" help:"Pull requests from forks by people without write access: approval (they wait for it), never or always."`
	Kubeconfig    string `env:"KUBECONFIG" help:"Cluster to run in; default: the pod's own, or ~/.kube/config."`
	LogLimit      int64  `default:"67108864" env:"YACI_LOG_LIMIT" help:"Bytes that are kept of a step's log; half of them its beginning, half its end."`
	LogReserve    int64  `default:"1073741824" env:"YACI_LOG_RESERVE" help:"Bytes of the disk that logs leave free for the database, if YACI_LOG_STORE is a directory on the same file system. With less free space logs are not stored. 0: no reserve."`
	Namespace     string `default:"yaci-builds" env:"YACI_NAMESPACE" help:"Namespace of the Jobs."`
	Retention
	Registries
	Pods
	RunImage            string        `default:"alpine" env:"YACI_RUN_IMAGE" help:"Image of POST /run when it names none."`
	HealEvery           time.Duration `default:"5m" env:"YACI_HEAL_EVERY" help:"How often to look for webhooks that never came: GitHub's list of deliveries, and the heads of branches and pull requests."`
	MaxRunning          int           `default:"50" env:"YACI_MAX_RUNNING" help:"Jobs that run at once."`
	MaxRunningPerRepo   int           `name:"max-running-per-repo" default:"0" env:"YACI_MAX_RUNNING_PER_REPO" help:"Jobs of one repository that run at once; 0: no bound."`
	MaxRunningPerPerson int           `name:"max-running-per-person" default:"0" env:"YACI_MAX_RUNNING_PER_PERSON" help:"Jobs of one person that run at once; 0: no bound."`
	KueueQueue          string        `name:"kueue-queue" env:"YACI_KUEUE_QUEUE" help:"Local queue of Kueue that admits the Jobs; YACI's own bounds then step aside."`
}

// Unconnected reports whether nothing here leads to GitHub: /setup makes an App then, and the database keeps it.
// A key file that is not there leads nowhere without an id: deploy/base names one in any case.
func (c Config) Unconnected() bool {
	_, err := os.Stat(c.GithubAppKey)
	return c.GithubAppID == 0 && c.GithubToken == "" && (c.GithubAppKey == "" || errors.Is(err, os.ErrNotExist))
}

// firstStart: /setup can take it from here.
func (c Config) firstStart() bool { return c.PublicURL != "" && c.Unconnected() }

// Problems returns a sentence for each thing that is wrong, all at once.
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
		problem("Both a GitHub App and YACI_GITHUB_TOKEN are set: keep one of them.")
	case !app && !token:
		if c.PublicURL == "" {
			problem(
				"GitHub is not connected: set YACI_PUBLIC_URL, and the server says where to create a GitHub App; or set YACI_GITHUB_APP_ID and YACI_GITHUB_APP_KEY_FILE, or YACI_GITHUB_TOKEN.",
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
		problem("YACI_LOG_LIMIT is %d: at least 1048576, a MiB, is needed.", c.LogLimit)
	}
	if c.LogReserve < 0 {
		problem("YACI_LOG_RESERVE is %d: write a number of bytes, or 0 for no reserve.", c.LogReserve)
	}
	if c.HealEvery < time.Second {
		problem("YACI_HEAL_EVERY is %v: at least 1s is needed.", c.HealEvery)
	}
	if c.MaxRunning < 1 {
		problem("YACI_MAX_RUNNING is %d: at least 1 is needed.", c.MaxRunning)
	}
	if c.MaxRunningPerRepo < 0 || c.MaxRunningPerPerson < 0 {
		problem("YACI_MAX_RUNNING_PER_REPO and YACI_MAX_RUNNING_PER_PERSON cannot be less than 0, which is no bound.")
	}
	ps = append(ps, c.Retention.Problems()...)
	ps = append(ps, c.Registries.problems()...)
	return append(ps, c.Pods.problems()...)
}
