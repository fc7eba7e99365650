package bench

import (
	"bufio"
	"bytes"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/e2e"
	"github.com/yaci-ci/yaci/webhook"
)

var benchIngest = flag.Duration(
	"bench-ingest",
	0,
	"measure how many deliveries a second are stored, for so long (make bench-ingest)",
)

const ingestConns = 32

// TestBenchIngest measures the real binary on SQLite: signed pushes, each of a
// commit of its own, from this process beside it. GitHub and the cluster are
// closed ports, so the inbox takes up deliveries and puts them off all the
// while. Stored means: in the database after kill -9.
func TestBenchIngest(t *testing.T) {
	if *benchIngest == 0 {
		t.Skip("make bench-ingest")
	}
	dir := t.TempDir()
	cmd, addr := e2e.Offline(t, dir)
	out := must(os.Create(filepath.Join(dir, "log")))(t)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; make build first", err)
	}
	defer cmd.Process.Kill()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	g := &generator{addr: addr, body: must(os.ReadFile("../../testdata/webhooks/push.derived-branch.json"))(t)}
	g.run(ingestConns, 500) // warms up
	burst := g.run(10*ingestConns, 10000)
	rss, peak := memory(t, cmd.Process.Pid)
	g.until = time.Now().Add(*benchIngest)
	sustained := g.run(ingestConns, 1<<40)
	cmd.Process.Kill()
	cmd.Wait()
	var rows, tried int64
	db := must(sql.Open("sqlite", filepath.Join(dir, "yaci.db")))(t)
	defer db.Close()
	if err := db.QueryRow(`SELECT count(*), count(CASE WHEN attempts > 0 THEN 1 END) FROM deliveries`).Scan(&rows, &tried); err != nil {
		t.Fatal(err)
	}
	t.Logf(
		"\nburst of 10,000 on %d connections: %s; afterwards %d MiB resident, at most %d MiB\n%s on %d connections: %s\n%d answered with 202, %d in the database after kill -9, %d of them tried and put off",
		10*ingestConns,
		burst,
		rss>>10,
		peak>>10,
		*benchIngest,
		ingestConns,
		sustained,
		g.accepted.Load(),
		rows,
		tried,
	)
	if rows != g.accepted.Load() {
		t.Errorf("%d deliveries were accepted, %d are stored", g.accepted.Load(), rows)
	}
}

// generator sends deliveries by hand, so that it takes little of the machine.
type generator struct {
	addr     string
	body     []byte
	until    time.Time // zero: no end
	sent     atomic.Int64
	accepted atomic.Int64
}

type rate struct {
	took      time.Duration
	latencies []time.Duration
	failed    int
}

func (r rate) String() string {
	at := func(q float64) time.Duration {
		return r.latencies[int(q*float64(len(r.latencies)-1))].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf(
		"%.0f/s, p50 %v, p99 %v, max %v, %d failed",
		float64(len(r.latencies))/r.took.Seconds(),
		at(0.5),
		at(0.99),
		at(1),
		r.failed,
	)
}

// run sends up to count deliveries over so many connections.
func (g *generator) run(conns int, count int64) (all rate) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	var taken atomic.Int64
	start := time.Now()
	for range conns {
		wait.Go(func() {
			var latencies []time.Duration
			failed := 0
			conn, err := net.Dial("tcp", g.addr)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				all.failed++
				return
			}
			defer conn.Close()
			r := bufio.NewReader(conn)
			for taken.Add(1) <= count && (g.until.IsZero() || time.Now().Before(g.until)) {
				request := g.request()
				begun := time.Now()
				if err := exchange(conn, r, request); err != nil {
					failed++
					continue
				}
				latencies = append(latencies, time.Since(begun))
				g.accepted.Add(1)
			}
			mu.Lock()
			defer mu.Unlock()
			all.latencies, all.failed = append(all.latencies, latencies...), all.failed+failed
		})
	}
	wait.Wait()
	all.took = time.Since(start)
	slices.Sort(all.latencies)
	return all
}

// request is a push of a commit that was not pushed before.
func (g *generator) request() []byte {
	n := g.sent.Add(1)
	body := bytes.ReplaceAll(g.body, []byte("6113728f27ae82c7b1a177c8d03f9e96e0adf246"), fmt.Appendf(nil, "%040x", n))
	head := fmt.Sprintf(
		"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\nX-GitHub-Hook-ID: 1\r\n"+
			"X-GitHub-Delivery: bench-%d\r\nX-Hub-Signature-256: %s\r\nContent-Length: %d\r\n\r\n",
		n,
		webhook.Sign([]byte(e2e.HookSecret), body),
		len(body),
	)
	return append([]byte(head), body...)
}

func exchange(conn net.Conn, r *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusAccepted {
		return fmt.Errorf("status %s", res.Status)
	}
	return nil
}

// memory is what a process has resident, now and at most, in KiB.
func memory(t *testing.T, pid int) (now, most int) {
	t.Helper()
	for line := range strings.Lines(string(must(os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)))(t))) {
		fmt.Sscanf(line, "VmRSS: %d", &now)
		fmt.Sscanf(line, "VmHWM: %d", &most)
	}
	return now, most
}
