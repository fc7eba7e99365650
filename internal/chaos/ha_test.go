package chaos

import (
	"bytes"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/e2e"
	"github.com/yaci-ci/yaci/internal/store/pgtest"
)

var (
	haSeed     = flag.Uint64("chaos-ha-seed", 1, "what is random in TestChaosHA follows from this")
	haRuns     = flag.Int("chaos-ha-runs", 16, "pushes in TestChaosHA, each of which has a run")
	haRounds   = flag.Int("chaos-ha-rounds", 0, "random rounds of faults in TestChaosHA; 0: a few that are fixed")
	haTakeover = flag.Duration(
		"chaos-ha-takeover",
		time.Minute,
		"the longest time without a leader although one healthy server reaches both",
	)
)

// TestChaosHA has two servers on one Postgres and one cluster, each behind a proxy before either, and plays faults: a
// proxy refuses, holds, drops, slows down or cuts connections, a server is killed, stands still or is replaced, the
// database loses the last elections as a promoted copy does, or a standby is promoted. In the end every push has led to
// one outcome, about which GitHub, the database and the cluster agree, and no process has ended by itself.
func TestChaosHA(t *testing.T) {
	h := newChaosHA(t)
	rounds := fixedRounds()
	if *haRounds > 0 {
		rounds = randomRounds(h.rng, *haRounds)
	}
	ctx, calm := context.WithCancel(t.Context())
	var watcher sync.WaitGroup
	watcher.Go(func() { h.watch(ctx) })
	began := time.Now()
	for i, round := range rounds {
		h.push(*haRuns*(i+1)/len(rounds) - *haRuns*i/len(rounds))
		h.play(round)
	}
	h.pushes.Wait()
	h.heal()
	faults := time.Since(began)
	h.settle()
	h.ready()
	calm()
	watcher.Wait()
	figures := h.judge()
	if h.longest > *haTakeover {
		t.Errorf("for %v there was no leader although a healthy server reached both", h.longest.Round(time.Millisecond))
	}
	t.Logf(
		"chaos-ha seed %d: %d runs, %d rounds of faults in %v, at rest after %v; %s; %d terms, longest time without a leader %v",
		*haSeed,
		len(h.pushed),
		len(rounds),
		faults.Round(time.Second),
		(time.Since(began) - faults).Round(time.Second),
		figures,
		h.terms(),
		h.longest.Round(100*time.Millisecond),
	)
}

// chaosHA is two servers in turmoil.
type chaosHA struct {
	*e2e.World
	space    string // namespace of the builds
	postgres *pgtest.Server
	database string // the URL of the database, past all proxies
	servers  []*haServer
	repos    []*citest.Repo
	rng      *rand.Rand
	pushes   sync.WaitGroup
	longest  time.Duration // without a leader, of the watcher
	epochs   []int64       // that were seen

	mu     sync.Mutex
	pushed []haPush
	direct *sql.DB // the database, past all proxies
}

func (h *chaosHA) db() *sql.DB {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.direct
}

func newChaosHA(t *testing.T) *chaosHA {
	e2e.NeedsProcess(t, "each server has proxies of its own on this machine")
	host := os.Getenv("YACI_LOCAL_HOST")
	if host == "" || os.Getenv("YACI_IMAGE") == "" {
		t.Skip("no cluster: make test, or make chaos-ha, boots one")
	}
	h := &chaosHA{
		World:    &e2e.World{T: t, Dir: t.TempDir(), Log: &e2e.LockedBuffer{}},
		postgres: &pgtest.Server{},
		rng:      rand.New(rand.NewPCG(*haSeed, 0)),
	}
	t.Cleanup(func() {
		if err := h.postgres.Stop(); err != nil {
			t.Error(err)
		}
	})
	h.database = h.postgres.URL(t)
	h.direct = must(sql.Open("pgx", h.database))(t)
	t.Cleanup(func() { h.db().Close() })
	h.space = e2e.Namespace(t, e2e.Clientset(t), nil)
	e2e.InstallRights(t, h.space, h.Kubeconfig())
	front := httptest.NewServer(http.HandlerFunc(h.forward))
	t.Cleanup(front.Close)
	h.GitHub = citesttest.Start(t, citest.Options{
		Addr:       host + ":0",
		HookURL:    front.URL + "/webhook",
		HookSecret: e2e.HookSecret,
		RateLimit:  1_000_000,
	})
	h.Ada = h.GitHub.CreateUser("ada")
	if err := os.WriteFile(filepath.Join(h.Dir, "app.pem"), h.GitHub.AppKeyPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		h.repos = append(h.repos, h.Repo(fmt.Sprintf("ha%d", i), i%2 == 0))
	}
	for _, name := range []string{"a", "b"} {
		h.servers = append(h.servers, h.newServer(name))
	}
	t.Cleanup(func() {
		for _, s := range h.servers {
			s.kill()
			if t.Failed() {
				file := filepath.Join(os.TempDir(), "yaci-chaos-ha-"+s.name+".log")
				os.WriteFile(file, []byte(s.log.String()), 0o600)
				t.Logf("the log of server %s is in %s", s.name, file)
			}
		}
	})
	for _, s := range h.servers {
		s.launch()
		s.answers()
	}
	return h
}

// forward hands a webhook to one of the servers, and to the other one when that does not take it, as a Service would.
func (h *chaosHA) forward(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	client := &http.Client{Timeout: 6 * time.Second}
	first := rand.IntN(len(h.servers))
	for i := range h.servers {
		s := h.servers[(first+i)%len(h.servers)]
		req, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+s.listen+r.URL.Path, bytes.NewReader(body))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		req.Header = r.Header.Clone()
		res, err := client.Do(req)
		if err != nil {
			continue
		}
		res.Body.Close()
		if res.StatusCode < http.StatusInternalServerError {
			w.WriteHeader(res.StatusCode)
			return
		}
	}
	http.Error(w, "no server takes it", http.StatusBadGateway)
}

// through writes a kubeconfig that leads to the API server by another address.
func (h *chaosHA) through(file, addr string) {
	h.T.Helper()
	cfg := must(clientcmd.LoadFromFile(h.Kubeconfig()))(h.T)
	for _, cluster := range cfg.Clusters {
		u := must(url.Parse(cluster.Server))(h.T)
		u.Host = addr
		cluster.Server = u.String()
	}
	if err := clientcmd.WriteToFile(*cfg, file); err != nil {
		h.T.Fatal(err)
	}
}

// apiServer is where the API server listens.
func (h *chaosHA) apiServer() string {
	h.T.Helper()
	cfg := must(clientcmd.BuildConfigFromFlags("", h.Kubeconfig()))(h.T)
	return must(url.Parse(cfg.Host))(h.T).Host
}
