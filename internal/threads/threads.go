// Package threads reserves threads for a process, so that it keeps working when another one uses up all processes that
// their pod may have. The Go runtime ends a program that cannot create a thread, but reuses the threads that it has.
package threads

import (
	"runtime"
	"sync"
)

// Reserve makes the Go runtime create at least count threads, and returns when they are idle.
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
