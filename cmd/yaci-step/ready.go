package main

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// awaitService connects until a service accepts. Services share localhost with the steps.
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
			return fmt.Errorf("service %s was not ready: port %d took no connection within %v", s.Service, s.TCP, wait)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
