package main

import "os"

// bridgeAddress is set because a bridge without one of its own takes the lowest of its
// ports', so that it changes as pods come and go, and the others' packets to the host
// are lost until they ask for it anew, which takes up to half a minute.
const bridgeAddress = "0a:79:61:63:69:01"

// makeBridge makes the bridge before the first pod does, so that the host can
// listen on its address at once. CNI takes a bridge that is there as it is.
func (n instance) makeBridge() error {
	if _, err := os.Stat("/sys/class/net/" + n.bridge()); err == nil {
		return nil
	}
	for _, args := range [][]string{
		{"link", "add", "name", n.bridge(), "address", bridgeAddress, "type", "bridge"},
		{"addr", "add", n.host() + "/24", "dev", n.bridge()},
		{"link", "set", n.bridge(), "up"},
	} {
		if err := command(append([]string{"ip"}, args...)...); err != nil {
			return err
		}
	}
	return nil
}
