package main

import (
	"fmt"
	"net"
	"strconv"
	"time"
)

// ready is a service that must accept connections first; pipeline.ReadyPlan writes it.
type ready struct {
	Service   string `json:"service"`
	TCP       int    `json:"tcp"`
	TimeoutMS int64  `json:"timeout_ms"`
}

// await connects until the service accepts. Services share localhost with the steps.
func (s ready) await() error {
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
