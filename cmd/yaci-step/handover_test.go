package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// start begins step 1 of a pod, which waits for step 0, and returns a channel that is closed at its end.
func (p pod) startWaiting() (*exec.Cmd, <-chan struct{}) {
	p.t.Helper()
	cmd := p.command("1", "run", "1")
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	return cmd, ended
}

func (p pod) podPaths() podPaths { return podPaths{sync: filepath.Join(p.dir, "sync")} }

// TestS13RecordOfAnotherKind puts things in place of the record of a step that
// its own processes could leave there. Those that wait for it do not take them
// for a proof that it passed, and do not wait for ever.
func TestS13RecordOfAnotherKind(t *testing.T) {
	passed := `{"exit":0,"started":1,"finished":2,"bytes":0,"lines":0}`
	for name, make := range map[string]func(path string) error{
		"garbage":    func(path string) error { return os.WriteFile(path, []byte("passed"), 0o644) },
		"empty":      func(path string) error { return os.WriteFile(path, nil, 0o644) },
		"unfinished": func(path string) error { return os.WriteFile(path, []byte(`{"exit":0}`), 0o644) },
		"directory":  func(path string) error { return os.Mkdir(path, 0o755) },
		"FIFO":       func(path string) error { return syscall.Mkfifo(path, 0o666) },
		"too large": func(path string) error {
			return os.WriteFile(path, []byte(passed+strings.Repeat(" ", maxFileBytes)), 0o644)
		},
		"endless device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"symbolic link": func(path string) error {
			if err := os.WriteFile(path+".real", []byte(passed), 0o644); err != nil {
				return err
			}
			return os.Symlink(path+".real", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t, "true", "touch ran")
			if err := make(filepath.Join(p.dir, "sync", "0", recordFile)); err != nil {
				t.Fatal(err)
			}
			if err := p.command("1", "run", "1").Run(); err != nil {
				t.Error(err)
			}
			r := p.record("1")
			if !r.Skipped || !r.Failed {
				t.Errorf("record %+v", r)
			}
			if _, err := os.Stat(filepath.Join(p.dir, "workspace", "ran")); err == nil {
				t.Error("the step ran")
			}
		})
	}
}

// TestS14Wake takes, floods and empties the socket by which a waiting step is
// woken, as every container of the pod can. The step neither starts before the
// one that it waits for has ended, nor much later.
func TestS14Wake(t *testing.T) {
	type hold struct {
		early func(t *testing.T, paths *net.UnixAddr) // before the step waits
		late  func(t *testing.T, paths *net.UnixAddr)
	}
	for name, c := range map[string]hold{
		"nobody": {},
		"name taken": {early: func(t *testing.T, paths *net.UnixAddr) {
			conn, err := net.ListenUnixgram("unixgram", paths)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
		}},
		"flooded": {late: func(t *testing.T, paths *net.UnixAddr) {
			conn, err := net.DialUnix("unixgram", nil, paths)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			go func() {
				for {
					if _, err := conn.Write([]byte("wake")); err != nil {
						return
					}
				}
			}()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t, "true", "touch ran")
			address := wakeAddress(p.podPaths(), 1)
			if c.early != nil {
				c.early(t, address)
			}
			_, ended := p.startWaiting()
			for deadline := time.Now().Add(10 * time.Second); c.early == nil; time.Sleep(10 * time.Millisecond) {
				if conn, err := net.DialUnix("unixgram", nil, address); err == nil {
					conn.Close()
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the step does not listen")
				}
			}
			if c.late != nil {
				c.late(t, address)
			}
			select {
			case <-ended:
				t.Fatal("the step did not wait")
			case <-time.After(300 * time.Millisecond):
			}
			if err := p.command("0", "run", "0").Run(); err != nil {
				t.Fatal(err)
			}
			finished := p.record("0").Finished
			<-ended
			r := p.record("1")
			if r.Skipped || r.Exit != 0 || r.Started < finished {
				t.Errorf("record %+v", r)
			}
			// The bound is the polling interval; a busy machine may add to it.
			if late := time.Duration(r.Started-finished) * time.Millisecond; late > pollEvery+2*time.Second {
				t.Errorf("it started %v later", late)
			}
		})
	}
}

// TestS14Unwoken: a step that nobody wakes finds the record by itself.
func TestS14Unwoken(t *testing.T) {
	p := newPod(t, "true", "touch ran")
	_, ended := p.startWaiting()
	own := podPaths{own: stepDir(p.podPaths(), 0)}
	if err := handOver(runner.Record{Started: 1, Finished: 2}, own); err != nil {
		t.Fatal(err)
	}
	<-ended
	r := p.record("1")
	if r.Skipped || r.Exit != 0 {
		t.Errorf("record %+v", r)
	}
}

// TestS14NoInotify: waiting steps take no inotify instance, of which a node has
// few for each user, and leave nothing in the file system at which a step that
// searches it would stop, such as a FIFO.
func TestS14NoInotify(t *testing.T) {
	p := newPod(t, "true", "true")
	cmd, _ := p.startWaiting()
	fds := filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "fd")
	listening := func() (socket bool) {
		entries, err := os.ReadDir(fds)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			link, _ := os.Readlink(filepath.Join(fds, e.Name()))
			if strings.Contains(link, "inotify") {
				t.Errorf("descriptor %s is %s", e.Name(), link)
			}
			socket = socket || strings.HasPrefix(link, "socket:")
		}
		return socket
	}
	for deadline := time.Now().Add(10 * time.Second); !listening(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the step has no socket")
		}
	}
	err := filepath.WalkDir(filepath.Join(p.dir, "sync"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !d.Type().IsRegular() {
			t.Errorf("%s is of type %v", path, d.Type())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
