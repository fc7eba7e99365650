package main

import "os"

// makeBridge makes the bridge before the first pod does, so that the host can
// listen on its address at once. CNI takes a bridge that is there as it is.
func (n instance) makeBridge() error {
	if _, err := os.Stat("/sys/class/net/" + n.bridge()); err == nil {
		return nil
	}
	for _, args := range [][]string{
		{"link", "add", "name", n.bridge(), "type", "bridge"},
		{"addr", "add", n.host() + "/24", "dev", n.bridge()},
		{"link", "set", n.bridge(), "up"},
	} {
		if err := command(append([]string{"ip"}, args...)...); err != nil {
			return err
		}
	}
	return nil
}
