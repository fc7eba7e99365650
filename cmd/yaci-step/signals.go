package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// signals are the signals that reach the runner. The Go runtime handles all of them,
// so unlike other first processes of a container, which the kernel protects from
// signals without a handler, it would end on QUIT, ABRT, SEGV and others that a
// process of the step sends, without a record.
type signals struct {
	stop chan os.Signal // those that container runtimes send to end a container
}

// catchSignals begins to catch all signals. All but those in stop are dropped. They
// are not set to be ignored, since commands would inherit that (execve(2)).
func catchSignals() signals {
	signal.Notify(make(chan os.Signal, 1)) // nobody reads it: sends do not block
	s := signals{stop: make(chan os.Signal, 4)}
	signal.Notify(s.stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	return s
}

// exitOnStop ends this process at the first signal in stop, as long as there is no
// command that could be ended instead. The function that it returns ends that.
func (s signals) exitOnStop() (cancel func()) {
	canceled, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case got := <-s.stop:
			os.Exit(128 + int(got.(syscall.Signal)))
		case <-canceled:
		}
	}()
	return sync.OnceFunc(func() { close(canceled); <-ended })
}
