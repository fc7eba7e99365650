package dial

import (
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestH3ConnectionsHaveAUserTimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := Context(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		got, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		if err != nil || got != int(userTimeout.Milliseconds()) {
			t.Errorf("TCP_USER_TIMEOUT is %d, %v", got, err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
