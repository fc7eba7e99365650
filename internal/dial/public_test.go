package dial

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestC19PublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"140.82.112.3": true, "2606:50c0:8000::154": true, "8.8.8.8": true,
		"127.0.0.1": false, "127.8.8.8": false, "::1": false, "0.0.0.0": false, "::": false, "0.1.2.3": false,
		"10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "fd00:ec2::254": false,
		"169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "100.100.100.200": false, "168.63.129.16": false,
		"192.0.0.192": false, "224.0.0.1": false, "255.255.255.255": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false, "64:ff9b::a9fe:a9fe": false, "2002:7f00:1::": false,
		"fec0::1": false, "::ffff:0:10.0.0.1": false, "192.88.99.1": false, "3fff::1": false, "3fff:fff::1": false, "5f00::1": false,
		"2001::1": false, "2001:10::1": false, "2001:20::1": false, "2001:1ff::1": false, "2001:db8::1": false,
		"2001:200::1": true, "2001:4860:4860::8888": true, "192.88.98.1": true, "2a00:1450::1": true, "2620:4f:8000::1": true,
	} {
		if got := isPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: public is %t, want %t", address, got, want)
		}
	}
}

// A name is looked up first, and what it means is checked.
func TestC19PublicRefusesNamesOfPrivateAddresses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost", "0.0.0.0", "::ffff:127.0.0.1"} {
		conn, err := Public(t.Context(), "tcp", net.JoinHostPort(host, port))
		if err == nil {
			conn.Close()
		}
		if !errors.Is(err, ErrNotPublic) {
			t.Errorf("%s: %v", host, err)
		}
	}
}
