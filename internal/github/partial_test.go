package github

import (
	"strings"
	"testing"
)

// However many lists are kept, their paths stay within the bound, and the newest ones are kept.
func TestPartialChangesAreBounded(t *testing.T) {
	var p partialChanges
	long := strings.Repeat("x", 4096)
	for n := range 200 {
		list := changesList{next: 1}
		for range 10 {
			list.add(
				[]changedFile{{long, long}, {long, long}, {long, long}, {long, long}, {long, long}, {long, long}, {long, long}},
				2,
			)
		}
		p.keep(changesKey{repo: int64(n)}, list)
		p.keep(changesKey{repo: int64(n)}, list)
		if p.bytes > maxPartialBytes {
			t.Fatalf("%d bytes after %d lists", p.bytes, n)
		}
	}
	list := p.take(changesKey{repo: 199})
	if list.next != 2 || list.files != 70 {
		t.Errorf("the newest list has %d files and goes on at %d", list.files, list.next)
	}
	if list := p.take(changesKey{repo: 0}); list.next != 1 {
		t.Errorf("the oldest list was kept")
	}
	for key := range p.lists {
		p.take(key)
	}
	if p.bytes != 0 || len(p.lists) != 0 {
		t.Errorf("%d bytes of %d lists are left", p.bytes, len(p.lists))
	}
}
