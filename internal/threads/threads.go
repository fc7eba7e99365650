// Package threads keeps threads for a process while another one uses up all
// processes that its pod may have. The Go runtime ends a program that is refused a
// thread, and it keeps the threads that it has.
package threads

import (
	"runtime"
	"sync"
)

// Reserve has the Go runtime create at least so many threads, and returns when they wait for work.
func Reserve(count int) {
	var begun, done sync.WaitGroup
	release := make(chan struct{})
	begun.Add(count)
	for range count {
		done.Go(func() {
			runtime.LockOSThread() // so that each goroutine has a thread of its own
			begun.Done()
			<-release
			runtime.UnlockOSThread()
		})
	}
	begun.Wait()
	close(release)
	done.Wait()
}
