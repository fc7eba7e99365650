package chaos

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/e2e"
	"github.com/yaci-ci/yaci/internal/failpoint"
)

var (
	chaosSeed       = flag.Uint64("chaos-seed", 1, "what is random in TestChaos follows from this")
	chaosDeliveries = flag.Int("chaos-deliveries", 300, "events in TestChaos")
	chaosKills      = flag.Int("chaos-kills", 20, "kills of the server in TestChaos")
)

func TestMain(m *testing.M) { os.Exit(e2e.Main(m)) }

// TestChaos pushes commits to repositories while the server is killed, at random
// moments and at every failpoint, webhooks get lost, GitHub misbehaves, the API
// server of the cluster dies, its watches expire and the database is locked. In the end every event
// has led to one outcome, and GitHub, the database and the cluster agree about it.
func TestChaos(t *testing.T) {
	c := newChaos(t)
	var others sync.WaitGroup
	ctx, calm := context.WithCancel(t.Context())
	others.Go(func() { c.trouble(ctx) })
	points := failpoint.All()
	for i := range *chaosKills {
		c.push(*chaosDeliveries*(i+1) / *chaosKills - *chaosDeliveries*i / *chaosKills)
		if i%10 < 7 {
			c.live(c.next(points))
		} else {
			c.live("")
		}
		if i == *chaosKills/2 || *chaosKills >= 100 && i%100 == 0 {
			c.restartAPI()
		}
	}
	for range 20 { // for the points that nothing has led to yet
		if point := c.next(points); c.hits[point] == 0 {
			c.push(10)
			c.live(point)
		}
	}
	calm()
	others.Wait()
	c.pushes.Wait()
	c.GitHub.ClearFaults()
	began := time.Now()
	c.launch("")
	c.settle()
	t.Logf(
		"seed %d: %d pushes, %d kills (%v), %d watches expired, quiet after %v",
		*chaosSeed,
		len(c.pushed),
		c.kills,
		c.hits,
		c.watches.count(),
		time.Since(began).Round(time.Second),
	)
	if c.watches.count() == 0 {
		t.Error("no watch has expired")
	}
	for _, p := range points {
		if c.hits[p] == 0 {
			t.Errorf("the failpoint %s was never reached", p)
		}
	}
	c.judge()
}

// chaos is the world in turmoil.
type chaos struct {
	*e2e.World
	binary  string
	began   time.Time
	repos   []*citest.Repo
	hits    map[failpoint.Point]int
	kills   int
	exited  chan struct{} // of the server that runs
	pushes  sync.WaitGroup
	watches *expiry
	through string // the server's kubeconfig, which leads through watches

	mu     sync.Mutex // guards what follows
	rng    *rand.Rand
	pushed []pushed
}

func newChaos(t *testing.T) *chaos {
	e2e.NeedsProcess(t, "failpoints end the server by the hundred, and its calls of the API server go a way that fails")
	host := os.Getenv("YACI_LOCAL_HOST")
	if host == "" || os.Getenv("YACI_IMAGE") == "" {
		t.Skip("no cluster: make test, or make chaos, boots one")
	}
	c := &chaos{

		World: &e2e.World{T: t, Dir: t.TempDir(), Log: &e2e.LockedBuffer{}},
		began: time.Now().Add(-time.Second),
		hits:  map[failpoint.Point]int{},
		rng:   rand.New(rand.NewPCG(*chaosSeed, 0)),
	}
	c.binary = filepath.Join(c.Dir, "yaci")
	build := exec.Command("go", "build", "-tags", "chaos", "-o", c.binary, "../../cmd/yaci")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	c.Listen = l.Addr().String()
	l.Close()
	t.Cleanup(func() {
		if t.Failed() {
			log := filepath.Join(os.TempDir(), "yaci-chaos.log")
			os.WriteFile(log, []byte(c.Log.String()), 0o600)
			t.Logf("the server's log is in %s", log)
		}
	})
	c.GitHub = citesttest.Start(t, citest.Options{
		Addr:       host + ":0",
		HookURL:    "http://" + c.Listen + "/webhook",
		HookSecret: e2e.HookSecret,
		RateLimit:  1_000_000,
	})
	c.Ada = c.GitHub.CreateUser("ada")
	if err := os.WriteFile(filepath.Join(c.Dir, "app.pem"), c.GitHub.AppKeyPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	e2e.InstallRights(t, c.Namespace(), c.Kubeconfig())
	c.watches, c.through = expiring(t, c.Kubeconfig())
	for i := range max(4, *chaosDeliveries/500) {
		c.repos = append(c.repos, c.Repo(fmt.Sprintf("chaos%d", i), i%2 == 0))
	}
	return c
}

// random is a number below n.
func (c *chaos) random(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rng.IntN(n)
}

// next is the failpoint that was reached least.
func (c *chaos) next(points []failpoint.Point) failpoint.Point {
	c.mu.Lock()
	defer c.mu.Unlock()
	order := slices.Clone(points)
	c.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return slices.MinFunc(order, func(a, b failpoint.Point) int { return c.hits[a] - c.hits[b] })
}

// launch starts the server; it does not wait for it.
func (c *chaos) launch(point failpoint.Point) {
	c.T.Helper()
	c.Cmd = exec.Command(c.binary, "serve")
	c.Cmd.Env = append(os.Environ(), c.Settings()...)
	c.Cmd.Env = append(c.Cmd.Env, "KUBECONFIG="+c.through, "YACI_HEAL_EVERY=2s", "YACI_MAX_RUNNING=6")
	if point != "" {
		c.Cmd.Env = append(c.Cmd.Env, fmt.Sprintf("YACI_FAILPOINT=%s=%d", point, 1+c.random(3)/2))
	}
	c.Cmd.Stdout, c.Cmd.Stderr = c.Log, c.Log
	if err := c.Cmd.Start(); err != nil {
		c.T.Fatal(err)
	}
	exited, cmd := make(chan struct{}), c.Cmd
	c.exited = exited
	go func() { cmd.Wait(); close(exited) }()
	c.T.Cleanup(func() { cmd.Process.Kill(); <-exited })
}

// live is one life of the server. It ends at a failpoint, or by kill -9 at a
// random moment.
func (c *chaos) live(point failpoint.Point) {
	c.T.Helper()
	c.launch(point)
	limit := time.Duration(100+c.random(2500)) * time.Millisecond
	if point != "" {
		limit = 4 * time.Second
	}
	select {
	case <-c.exited:
		if point == "" || !strings.Contains(c.Log.String(), "failpoint "+string(point)) {
			c.T.Fatalf("the server ended by itself: %v", c.Cmd.ProcessState)
		}
		c.hits[point]++
	case <-time.After(limit):
		c.Cmd.Process.Kill()
		<-c.exited
	}
	c.kills++
}

// restartAPI kills the API server of the cluster and boots it again.
func (c *chaos) restartAPI() {
	c.T.Helper()
	data, err := os.ReadFile(filepath.Join(filepath.Dir(os.Getenv("KUBECONFIG")), "apiserver.pid"))
	if err != nil {
		c.T.Logf("the API server stays up: %v", err)
		return
	}
	c.launch("")
	if out, err := exec.Command("kill", "-9", strings.TrimSpace(string(data))).CombinedOutput(); err != nil {
		c.T.Fatalf("kill the API server: %v: %s", err, out)
	}
	time.Sleep(500 * time.Millisecond) // the server has to notice
	up := exec.Command("bin/local", "up")
	up.Dir = "../.."
	if out, err := up.CombinedOutput(); err != nil {
		c.T.Fatalf("boot the API server: %v: %s", err, out)
	}
	c.Cmd.Process.Kill()
	<-c.exited
	c.kills++
}

// must is for calls that a test cannot go on without.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
