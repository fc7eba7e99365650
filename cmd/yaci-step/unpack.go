package main

import (
	"fmt"
	"io"
)

// unpack reads one commit as a git pack, which yaci exec sends, and checks it
// out. A pack tells its own length and is hashed to its end, so that nothing
// depends on how the stream is closed.
func unpack(at layout, sha string, pack io.Reader) error {
	if !isCommit(sha) {
		return fmt.Errorf("%q is not a full commit id", sha)
	}
	g := repository{dir: at.workspace, home: at.bin}
	if err := g.git("init", "--quiet", "."); err != nil {
		return err
	}
	from := g
	from.stdin = pack
	if err := from.git("index-pack", "--stdin"); err != nil {
		return err
	}
	if err := g.checkout(sha, ""); err != nil {
		return err
	}
	return g.survive()
}
