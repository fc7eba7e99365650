package main

import "testing"

func TestHasDevice(t *testing.T) {
	const mounts = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:5 / /dev rw - devtmpfs devtmpfs rw
24 22 0:50 / /over rw - overlay overlay rw
`
	for device, want := range map[string]bool{"254:0": true, "0:5": false, "0:50": false, "8:1": false} {
		if hasDevice(mounts, device) != want {
			t.Errorf("%s: %v", device, !want)
		}
	}
}
