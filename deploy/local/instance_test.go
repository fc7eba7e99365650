package main

import (
	"slices"
	"strings"
	"testing"
)

func env(kv ...string) func(string) string {
	return func(k string) string {
		for _, e := range kv {
			if v, ok := strings.CutPrefix(e, k+"="); ok {
				return v
			}
		}
		return ""
	}
}

func TestInstancesDoNotFight(t *testing.T) {
	a, err := newInstance("/home/ada/yaci", env("YACI_CACHE=/c"))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := newInstance("/home/ada/yaci", env("YACI_CACHE=/c"))
	b, _ := newInstance("/home/bob/yaci", env("YACI_CACHE=/c"))
	if a != again {
		t.Errorf("one checkout, two instances: %+v %+v", a, again)
	}
	if a.name == b.name || a.port == b.port || a.subnet == b.subnet || a.state == b.state || a.bridge() == b.bridge() ||
		a.cgroup() == b.cgroup() {
		t.Errorf("two checkouts share something: %+v %+v", a, b)
	}
	for _, n := range []instance{a, b} {
		if len(n.bridge()) > 15 || len(n.socket()) > 104 || n.port < 1024 || n.port > 65000 {
			t.Errorf("out of bounds: %s %s %d", n.bridge(), n.socket(), n.port)
		}
	}
}

func TestInstanceCanBeMoved(t *testing.T) {
	n, err := newInstance(
		"/x",
		env("YACI_CACHE=/c", "YACI_LOCAL_NAME=other", "YACI_LOCAL_PORT_BASE=30000", "YACI_LOCAL_SUBNET=10.9.8"),
	)
	if err != nil || n.name != "other" || n.port != 30000 || n.host() != "10.9.8.1" {
		t.Errorf("%+v %v", n, err)
	}
	for _, bad := range []string{"YACI_LOCAL_PORT_BASE=80", "YACI_LOCAL_PORT_BASE=x", "YACI_LOCAL_NAME=much-too-long"} {
		if _, err := newInstance("/x", env("YACI_CACHE=/c", bad)); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestWordsOfARule(t *testing.T) {
	got, err := words(
		`-A POSTROUTING -s 10.97.153.36/32 -m comment --comment "name: \"yaci\" id: \"b862\"" -j CNI-42` + "\n",
	)
	want := []string{
		"-A",
		"POSTROUTING",
		"-s",
		"10.97.153.36/32",
		"-m",
		"comment",
		"--comment",
		`name: "yaci" id: "b862"`,
		"-j",
		"CNI-42",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := words(`-A X --comment "open`); err == nil {
		t.Errorf("an open quote gave %q", got)
	}
}
