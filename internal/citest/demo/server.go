package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
)

const (
	apiToken   = "demo"
	hookSecret = "demo-secret"
	interval   = 100 * time.Millisecond // of looking for news
)

// server is the real server, as a process.
type server struct {
	address string
	cmd     *exec.Cmd
	log     string // file
	seen    int    // jobs that nextJob has returned
}

// job is one that the server has launched.
type job struct{ name, sha string } // sha is short, and empty for a command

// freeAddress is YACI's usual one, or another when that is taken.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:4000")
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func serve(dir, address string, gh *citest.GitHub) (*server, error) {
	key := filepath.Join(dir, "app.pem")
	if err := os.WriteFile(key, gh.AppKeyPEM(), 0o600); err != nil {
		return nil, err
	}
	s := &server{address: address, cmd: exec.Command("bin/yaci", "serve"), log: filepath.Join(dir, "server.log")}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd.Stderr = log
	s.cmd.Env = append(
		os.Environ(),
		"YACI_LISTEN="+address,
		"YACI_METRICS_LISTEN=off",
		"YACI_DATABASE_URL=sqlite://"+filepath.Join(dir, "yaci.db"),
		"YACI_LOG_STORE="+filepath.Join(dir, "logs"),
		"YACI_WEBHOOK_SECRET="+hookSecret,
		"YACI_GITHUB_API_URL="+gh.APIURL(),
		fmt.Sprintf("YACI_GITHUB_APP_ID=%d", citest.AppID),
		"YACI_GITHUB_APP_KEY_FILE="+key,
		"YACI_API_TOKEN="+apiToken,
	)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err = every(ctx, func() bool {
		res, err := http.Get("http://" + address + "/healthz")
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("the server did not start: %s", s.lines())
	}
	return s, nil
}

func (s *server) stop() {
	s.cmd.Process.Signal(os.Interrupt)
	s.cmd.Wait()
}

// lines is the server's log so far.
func (s *server) lines() string {
	text, _ := os.ReadFile(s.log) // what cannot be read is not there yet
	return string(text)
}

// nextJob waits for the next job that the server launches.
func (s *server) nextJob(ctx context.Context) (j job, err error) {
	launched := regexp.MustCompile(`msg="launched job" .*job=(\S+) .*sha=([0-9a-f]*)`)
	err = every(ctx, func() bool {
		all := launched.FindAllStringSubmatch(s.lines(), -1)
		if len(all) <= s.seen {
			return false
		}
		j = job{all[s.seen][1], all[s.seen][2]}
		s.seen++
		return true
	})
	return j, err
}

// follow hands on what a job's steps write, line by line, until it has ended,
// and returns its state.
func (s *server) follow(ctx context.Context, j job, line func(string)) (state string, err error) {
	end := regexp.MustCompile(`msg="job finished" .*job=` + regexp.QuoteMeta(j.name) + ` state=(\S+)`)
	shown := 0
	err = every(ctx, func() bool {
		ended := end.FindStringSubmatch(s.lines()) // asked first, so that the output read next is whole
		text := s.output(j)
		for l := range strings.Lines(text[min(shown, len(text)):]) {
			if ended == nil && !strings.HasSuffix(l, "\n") {
				break
			}
			line(strings.TrimSuffix(l, "\n"))
			shown += len(l)
		}
		if ended != nil {
			state = ended[1]
		}
		return ended != nil
	})
	return state, err
}

// output is what a job's steps have written so far.
func (s *server) output(j job) string {
	req, err := http.NewRequest("GET", "http://"+s.address+"/get?id="+j.name, nil)
	if err != nil {
		return ""
	}
	req.Header.Set("Authorization", "Bearer "+apiToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "" // the next look finds it
	}
	defer res.Body.Close()
	var pods []struct{ Log string }
	if json.NewDecoder(res.Body).Decode(&pods) != nil || len(pods) == 0 {
		return ""
	}
	return pods[0].Log
}

// every looks again and again until done says so.
func every(ctx context.Context, done func() bool) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
