package main

import (
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// A waiting step is woken by a datagram to a socket whose name has no file
// (unix(7), "Abstract sockets"): the containers of a pod share a network
// namespace, and no step that searches the file system comes across it. Anybody
// in the pod can send to it, flood it or take its name, so being woken proves
// nothing, and a step that is not woken looks for the record all the same. Each
// inotify instance, in contrast, is one of the few that a node has for a user.
const (
	lookEvery   = time.Second            // when nothing wakes a waiting step
	lookUnwoken = 250 * time.Millisecond // when nothing can, because the name is taken
	lookPause   = 20 * time.Millisecond  // after it was woken for nothing
)

// wakeAddress is the socket of a step. The hand-over directory is the same in all
// containers of a pod and differs between pods, which matters where they share a
// network namespace.
func wakeAddress(at layout, step int) *net.UnixAddr {
	var dir syscall.Stat_t
	_ = syscall.Stat(at.sync, &dir) // zeros are the same in all containers, too
	return &net.UnixAddr{Name: fmt.Sprintf("@yaci-%x-%x-%d", dir.Dev, dir.Ino, step), Net: "unixgram"}
}

// waiter is a step that waits for others.
type waiter struct {
	at   layout
	conn *net.UnixConn // nil: it cannot be woken
}

func newWaiter(at layout, step int) waiter {
	conn, err := net.ListenUnixgram("unixgram", wakeAddress(at, step))
	if err != nil {
		return waiter{at: at}
	}
	return waiter{at: at, conn: conn}
}

func (w waiter) close() {
	if w.conn != nil {
		w.conn.Close()
	}
}

// await returns the record of a step as soon as it is there.
func (w waiter) await(step int) runner.Record {
	for woken := false; ; woken = w.sleep() {
		if r, ok := ended(w.at, step); ok {
			return r
		}
		if woken {
			time.Sleep(lookPause)
		}
	}
}

// sleep returns when it is time to look again, and whether that is because the step was woken.
func (w waiter) sleep() bool {
	if w.conn == nil {
		time.Sleep(lookUnwoken)
		return false
	}
	var buf [1]byte
	err := w.conn.SetReadDeadline(time.Now().Add(lookEvery))
	if err == nil {
		_, _, err = w.conn.ReadFromUnix(buf[:])
	}
	if err != nil && !os.IsTimeout(err) {
		time.Sleep(lookUnwoken)
	}
	return err == nil
}

// wake wakes the steps that wait for one. One that cannot be woken looks by itself.
func wake(at layout, plans []runner.StepPlan, ended int) {
	for i, p := range plans {
		if !slices.Contains(p.Needs, ended) {
			continue
		}
		conn, err := net.DialUnix("unixgram", nil, wakeAddress(at, i))
		if err != nil {
			continue // it has not begun to wait, or ended
		}
		if conn.SetWriteDeadline(time.Now().Add(10*time.Millisecond)) == nil {
			_, _ = conn.Write([]byte{0}) // a full queue wakes it as well
		}
		conn.Close()
	}
}
