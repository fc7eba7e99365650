package chaos

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver named sqlite

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/e2e"
)

// pushed is a commit and the state that GitHub has to show of it; "" is none.
type pushed struct {
	repo   *citest.Repo
	sha    string
	branch string
	want   string
	job    bool
}

// kinds are what a commit may hold, and what is to become of it. Jobs are the
// dear part: there are at most about 400.
func (c *chaos) kind(rng *rand.Rand) (yaml, want string, job bool) {
	jobs := min(100, 400*1000 / *chaosDeliveries) // per mille
	switch n := rng.IntN(1000); {
	case n < jobs*4/5:
		return "image: IMAGE\nclone: false\nsteps: ['true']\n", "success", true
	case n < jobs:
		return "image: IMAGE\nclone: false\nsteps: ['exit 3']\n", "failure", true
	case n < 250:
		return "image: IMAGE\nstpes: []\n", "error", false
	case n < 400:
		return "image: IMAGE\nsteps: [{run: 'true', when: {branch: never}}]\n", "success", false
	}
	return "", "", false
}

// push makes commits in the background, each on a branch of its own. Of some
// GitHub loses the webhook, and of a few it never makes one.
func (c *chaos) push(n int) {
	c.mu.Lock()
	rng := rand.New(rand.NewPCG(c.rng.Uint64(), 0))
	c.mu.Unlock()
	c.pushes.Go(func() {
		for range n {
			r := c.repos[rng.IntN(len(c.repos))]
			yaml, want, job := c.kind(rng)
			branch := fmt.Sprintf("b%x", rng.Uint64())
			silent := rng.IntN(25) == 0
			switch {
			case silent:
				c.GitHub.SetHook("", e2e.HookSecret)
			case rng.IntN(10) == 0:
				c.GitHub.DropWebhooks(1)
			}
			content := e2e.Files(yaml)
			content["README"] = branch // so that no two commits are one
			sha, err := r.Commit(branch, "Change", content, c.Ada)
			if silent {
				c.GitHub.SetHook("http://"+c.Listen+"/webhook", e2e.HookSecret)
			}
			if err != nil {
				c.T.Error(err)
				return
			}
			c.mu.Lock()
			c.pushed = append(c.pushed, pushed{r, sha, branch, want, job})
			c.mu.Unlock()
		}
	})
}

// trouble has GitHub misbehave, locks the database and has watches expire, until it is calm.
func (c *chaos) trouble(ctx context.Context) {
	for ctx.Err() == nil {
		switch c.random(12) {
		case 0:
			c.lock(time.Duration(c.random(3000)) * time.Millisecond)
		case 1:
			c.GitHub.ClearFaults()
		case 2, 3:
			c.watches.expire()
		default:
			c.GitHub.Inject(c.fault())
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(200+c.random(600)) * time.Millisecond):
		}
	}
}

// fault is one of GitHub's moods.
func (c *chaos) fault() citest.Fault {
	f := []citest.Fault{
		{Status: 502}, {Status: 500}, {Status: 503}, {Status: 429}, {Status: 401}, {HangUp: true},
		{Delay: time.Duration(200+c.random(2000)) * time.Millisecond},
		{RateLimit: citest.SecondaryLimit, After: time.Second}, {RateLimit: citest.PrimaryLimit, After: 2 * time.Second},
		{Late: true, HangUp: true}, {Late: true, Status: 502},
	}[c.random(11)]
	f.Times = 1 + c.random(4)
	if strings.HasSuffix(f.RateLimit, "y") {
		f.Times = 1
	}
	f.Prefix = []string{"", "/repos/", "/app/"}[c.random(3)]
	return f
}

// lock keeps everybody from writing to the database for a while.
func (c *chaos) lock(d time.Duration) {
	db, err := sql.Open(
		"sqlite",
		"file:"+filepath.Join(c.Dir, "yaci.db")+"?_pragma=busy_timeout(2000)&mode=rw&_txlock=immediate",
	)
	if err != nil {
		c.T.Error(err)
		return
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		return // the server holds it, or has not made it yet
	}
	time.Sleep(d)
	tx.Rollback()
}
