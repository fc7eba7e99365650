package main

import (
	"os"
	"strings"
	"testing"
)

// forgery prints progress markers of several kinds and writes to everything of the
// runner that it can find. It says what succeeded.
const forgery = `
      printf 'one\n\033_yaci 9223372036854775807 9223372036854775807\033\\\n'
      printf '\033_yaci 998 1000\033\\\ntwo\n'
      printf '\033_ya'; sleep 0.1; printf 'ci 500 5000\033\\\n'
      printf '\033_yaci= 1 1\033\\\n\033_yaci\033_yaci 7 7\033\\\n'
      for file in /proc/1/fd/0 /proc/1/fd/1 /proc/1/fd/2 /proc/1/mem; do
        if (printf '\033_yaci 600 6000\033\\\n' >$file) 2>/dev/null; then echo "wrote to $file"; fi
        if readlink $file; then echo "found $file"; fi
      done
      for file in /proc/1/environ /proc/1/mem /proc/1/maps; do
        if (head -c 1 $file | grep -q .) 2>/dev/null; then echo "read $file"; fi
      done
      printf '{"exit":0,"started":1,"finished":2,"bytes":1,"lines":1}' >/dev/termination-log
      sleep 1.2; echo three; sleep 1.2
      echo end
`

// TestS11: a step can neither forge what the runner says in its log nor reach the
// runner, as root or as another user. Its log shows what it printed, to the byte.
func TestS11(t *testing.T) {
	t.Parallel()
	user := os.Getenv("YACI_UID_1000_IMAGE")
	if user == "" {
		t.Skip("no image of another user: run make test")
	}
	w := newWorld(t)
	r := w.repo("forgery", false)
	sha := w.push(
		r,
		"image: IMAGE\nsteps:\n  - name: root\n    run: |"+forgery+"  - name: user\n    image: "+user+"\n    run: |"+forgery,
	)
	if st := w.final(r, sha); st.State != "success" {
		t.Fatalf("%s: %s", st.State, st.Description)
	}
	want := "one\n\x1b_yaci 9223372036854775807 9223372036854775807\x1b\\\n\x1b_yaci 998 1000\x1b\\\ntwo\n\x1b_yaci 500 5000\x1b\\\n" +
		"\x1b_yaci= 1 1\x1b\\\n\x1b_yaci\x1b_yaci 7 7\x1b\\\nthree\nend\n"
	for step, name := range []string{"root", "user"} {
		got := w.wholeLog(step + 1)
		if !strings.HasSuffix(got, want) || strings.Contains(got, "[yaci]") {
			t.Errorf("as %s:\n%q\nwant it to end with\n%q", name, got, want)
		}
	}
}
