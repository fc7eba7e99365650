package main

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// A waiting step is woken by a datagram to a socket without a file (unix(7), "Abstract sockets"). The
// containers of a pod share a network namespace, and a step that searches the file system does not
// find the socket. Anybody in the pod can send to it, flood it or take its name. So being woken proves
// nothing, and a step that is not woken looks for the record anyway. inotify is no alternative,
// because a node has few instances for each user.
const (
	pollEvery   = time.Second            // if nothing wakes a waiting step
	pollUnwoken = 250 * time.Millisecond // if nothing can wake it, because the name is taken
	wakePause   = 20 * time.Millisecond  // after it was woken without a record
)

// wakeAddress returns the socket of a step. Its name contains the identity of the hand-over
// directory, which is the same in all containers of a pod and differs between pods that share a
// network namespace.
func wakeAddress(paths podPaths, step int) *net.UnixAddr {
	var dir syscall.Stat_t
	_ = syscall.Stat(paths.sync, &dir) // after an error, all containers use zeros
	return &net.UnixAddr{Name: fmt.Sprintf("@yaci-%x-%x-%d", dir.Dev, dir.Ino, step), Net: "unixgram"}
}

// waiter waits for the records of other steps.
type waiter struct {
	paths podPaths
	conn  *net.UnixConn // nil: it cannot be woken
}

// newWaiter takes the socket of a step. If somebody has taken its name, the waiter works without
// being woken.
func newWaiter(paths podPaths, step int) waiter {
	conn, err := net.ListenUnixgram("unixgram", wakeAddress(paths, step))
	if err != nil {
		return waiter{paths: paths}
	}
	return waiter{paths: paths, conn: conn}
}

func (w waiter) close() {
	if w.conn != nil {
		w.conn.Close()
	}
}

// await returns the record of a step as soon as it exists.
func (w waiter) await(step int) runner.Record {
	for woken := false; ; woken = w.sleep() {
		if r, ok := readRecord(w.paths, step); ok {
			return r
		}
		if woken {
			time.Sleep(wakePause)
		}
	}
}

// sleep returns when it is time to look again. It reports whether the step was woken.
func (w waiter) sleep() bool {
	if w.conn == nil {
		time.Sleep(pollUnwoken)
		return false
	}
	var buf [1]byte
	err := w.conn.SetReadDeadline(time.Now().Add(pollEvery))
	if err == nil {
		_, _, err = w.conn.ReadFromUnix(buf[:])
	}
	if err != nil && !os.IsTimeout(err) {
		time.Sleep(pollUnwoken)
	}
	return err == nil
}

// wake wakes the steps that wait for an ended one. A step that cannot be woken looks by itself.
func wake(paths podPaths, plans []runner.StepPlan, ended int) {
	for i, p := range plans {
		if !slices.Contains(p.Needs, ended) {
			continue
		}
		conn, err := net.DialUnix("unixgram", nil, wakeAddress(paths, i))
		if err != nil {
			continue // it does not wait yet, or has ended
		}
		if conn.SetWriteDeadline(time.Now().Add(10*time.Millisecond)) == nil {
			_, _ = conn.Write([]byte{0}) // if the queue is full, it is woken anyway
		}
		conn.Close()
	}
}

// awaitService waits until a service accepts connections. Services share localhost with the steps.
func awaitService(s runner.ReadyPlan) error {
	wait := time.Duration(s.TimeoutMS) * time.Millisecond
	deadline := time.Now().Add(wait)
	address := net.JoinHostPort("localhost", strconv.Itoa(s.TCP))
	for {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("service %s was not ready: port %d accepted no connection within %v", s.Service, s.TCP, wait)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
