package chaos

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/yaci-ci/yaci/internal/e2e"
	"github.com/yaci-ci/yaci/internal/faultproxy"
)

// haServer is one of the servers, with a proxy before Postgres and one before the API server.
type haServer struct {
	h       *chaosHA
	name    string
	listen  string
	metrics string
	pg, api *faultproxy.Proxy
	log     *leaderLog

	mu      sync.Mutex
	cmd     *exec.Cmd
	exited  chan struct{}
	told    bool // it is to end
	stopped bool // by SIGSTOP
	broken  int  // faults that keep it from reaching both
	up      bool // it has answered since it was started
}

// leaderLog collects a server's log and follows who leads.
type leaderLog struct {
	e2e.LockedBuffer
	mu      sync.Mutex
	rest    []byte
	leading bool
	terms   int
}

func (l *leaderLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 {
			break
		}
		switch line := string(l.rest[:i]); {
		case strings.Contains(line, `msg="acquired leadership"`):
			l.leading = true
			l.terms++
		case strings.Contains(line, `msg="resigned leadership"`), strings.Contains(line, `msg="not leading"`):
			l.leading = false
		}
		l.rest = l.rest[i+1:]
	}
	l.mu.Unlock()
	return l.LockedBuffer.Write(p)
}

// ended notes that the process has.
func (l *leaderLog) ended() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leading, l.rest = false, nil
}

// leads reports whether the server said so last.
func (l *leaderLog) leads() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leading
}

func (h *chaosHA) newServer(name string) *haServer {
	h.T.Helper()
	s := &haServer{h: h, name: name, log: &leaderLog{}}
	for _, addr := range []*string{&s.listen, &s.metrics} {
		l := must(net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))))(h.T)
		*addr = l.Addr().String()
		l.Close()
	}
	database := must(url.Parse(h.database))(h.T)
	s.pg = must(faultproxy.New(database.Host))(h.T)
	s.api = must(faultproxy.New(h.apiServer()))(h.T)
	h.T.Cleanup(s.pg.Close)
	h.T.Cleanup(s.api.Close)
	h.through(s.kubeconfig(), s.api.Addr())
	return s
}

func (s *haServer) kubeconfig() string { return filepath.Join(s.h.Dir, "kubeconfig-"+s.name) }

// launch starts the server and does not wait for it.
func (s *haServer) launch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	database := must(url.Parse(s.h.database))(s.h.T)
	database.Host = s.pg.Addr()
	s.cmd = exec.Command("../../bin/yaci", "serve")
	s.cmd.Env = append(os.Environ(), s.h.Settings()...)
	s.cmd.Env = append(s.cmd.Env,
		"KUBECONFIG="+s.kubeconfig(), "YACI_LISTEN="+s.listen, "YACI_METRICS_LISTEN="+s.metrics, "YACI_NAMESPACE="+s.h.space,
		"YACI_DATABASE_URL="+database.String(), "YACI_LOG_STORE_SHARED=true", "YACI_HEAL_EVERY=2s", "YACI_MAX_RUNNING=6",
	)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.h.T.Fatal(err)
	}
	s.told = false
	s.stopped = false
	s.up = false
	s.exited = make(chan struct{})
	cmd, exited := s.cmd, s.exited
	go func() {
		err := cmd.Wait()
		s.log.ended()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.up = false
		if !s.told {
			s.h.T.Errorf("server %s ended by itself: %v", s.name, err)
		}
		close(exited)
	}()
}

// kill is kill -9, which also ends a server that stands still.
func (s *haServer) kill() {
	s.mu.Lock()
	cmd, exited := s.cmd, s.exited
	s.told = true
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	cmd.Process.Kill()
	<-exited
}

// terminate is what a rolling upgrade does.
func (s *haServer) terminate() {
	s.mu.Lock()
	cmd, exited := s.cmd, s.exited
	s.told = true
	s.mu.Unlock()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.h.T.Error(err)
	}
	select {
	case <-exited:
	case <-time.After(time.Minute):
		s.h.T.Errorf("server %s does not end on SIGTERM", s.name)
		s.kill()
	}
}

// pause stops the process and has it go on after a while.
func (s *haServer) pause(d time.Duration) {
	set := func(stopped bool, signal syscall.Signal) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stopped = stopped
		if err := s.cmd.Process.Signal(signal); err != nil {
			s.h.T.Error(err)
		}
	}
	set(true, syscall.SIGSTOP)
	time.Sleep(d)
	set(false, syscall.SIGCONT)
}

// breaks counts the faults between the server and what it needs.
func (s *haServer) breaks(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken += n
}

// answers waits until the server serves, which it does once it has reached the database.
func (s *haServer) answers() {
	s.h.T.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if s.get(s.listen, "/healthz") == http.StatusOK {
			s.mu.Lock()
			s.up = true
			s.mu.Unlock()
			return
		}
	}
	s.h.T.Errorf("server %s does not answer\n%s", s.name, s.log)
}

// get is the code of an answer, or 0.
func (s *haServer) get(addr, path string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req := must(http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, http.NoBody))(s.h.T)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

// healthy reports whether nothing stands between the server and what it needs.
func (s *haServer) healthy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up && !s.stopped && s.broken == 0
}

// leader is the server that leads, or nil.
func (h *chaosHA) leader() *haServer {
	for _, s := range h.servers {
		if s.log.leads() {
			return s
		}
	}
	return nil
}

// terms is how often a server was elected.
func (h *chaosHA) terms() (n int) {
	for _, s := range h.servers {
		s.log.mu.Lock()
		n += s.log.terms
		s.log.mu.Unlock()
	}
	return n
}

// watch measures, for each server, how long it was healthy while no healthy server led, until the context ends.
func (h *chaosHA) watch(ctx context.Context) {
	since := map[*haServer]time.Time{}
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		led := false
		for _, s := range h.servers {
			led = led || s.healthy() && s.log.leads()
		}
		for _, s := range h.servers {
			if led || !s.healthy() {
				delete(since, s)
				continue
			}
			if since[s].IsZero() {
				since[s] = time.Now()
			}
			h.longest = max(h.longest, time.Since(since[s]))
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}
