package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/runner"
)

// canaries are secrets of many kinds.
func canaries(random *rand.Rand) []string {
	list := []string{
		"aaaa",
		"aaaaaaaa",
		"aaab",
		"hunter2!",
		"pass word/+&=?%",
		"line one\nline two\r\nthird line",
		`quo"te\back`,
		"<b>&amp;</b>",
		"püñkt→🚀",
		"\x00\x01\xff\xfe\x80",
		"ghs_" + strings.Repeat("x", 36),
		"ghs_xyz",
		"s_xy",
	}
	for len(list) < 50 {
		b := make([]byte, 4+random.IntN(60))
		for i := range b {
			b[i] = byte(33 + random.IntN(94))
		}
		list = append(list, string(b))
	}
	return list
}

// printed are the ways in which a test prints a canary. They are written with other code than forms.
func printed(random *rand.Rand, s string) []string {
	asJSON, _ := json.Marshal(s)
	before := make([]byte, random.IntN(7))
	for i := range before {
		before[i] = byte(random.IntN(256))
	}
	behind := append([]byte(s), 'Z', 0x17, 0xe5)
	return []string{s, string(asJSON[1 : len(asJSON)-1]), strings.ReplaceAll(string(asJSON[1:len(asJSON)-1]), "/", `\/`),
		url.QueryEscape(
			s,
		), url.PathEscape(s), base64.StdEncoding.EncodeToString([]byte(s)), base64.URLEncoding.EncodeToString([]byte(s)),
		base64.StdEncoding.EncodeToString(
			append(before, behind...),
		), base64.RawURLEncoding.EncodeToString(append(before, s...))}
}

func masked(t testing.TB, secrets []string, chunks [][]byte) string {
	t.Helper()
	names, values := []string{}, map[string]string{}
	for i, s := range secrets {
		names = append(names, fmt.Sprint("S", i))
		values[names[i]] = s
	}
	m, err := newMasker(names, func(name string) string { return values[name] })
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, c := range chunks {
		out.Write(m.pass(c))
	}
	out.Write(m.flush())
	return out.String()
}

// chunked cuts a text at random, as writes do.
func chunked(random *rand.Rand, text string) (chunks [][]byte) {
	for len(text) > 0 {
		n := 1 + random.IntN(min(len(text), 1+random.IntN(40)))
		chunks, text = append(chunks, []byte(text[:n])), text[n:]
	}
	return chunks
}

// Of 50 canaries, printed in all ways and cut anywhere, none is left in any form.
func TestMaskCanaries(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 5))
		secrets := canaries(random)
		var text strings.Builder
		for i, s := range secrets {
			for j, form := range printed(random, s) {
				fmt.Fprintf(&text, "\n%d.%d:", i, j)
				text.WriteString(form)
				text.WriteByte('.')
			}
		}
		out := masked(t, secrets, chunked(random, text.String()))
		for _, s := range secrets {
			for _, form := range encodings(s) {
				if strings.Contains(out, form) {
					t.Fatalf("seed %d: %q is visible as %q", seed, s, form)
				}
			}
		}
		// What is around the secrets arrives: the labels, as far as no short canary is a part of them.
		for i := range secrets {
			if label := fmt.Sprintf("\n%d.0:***", i); !strings.Contains(out, label) {
				t.Errorf("seed %d: %q is lost", seed, label)
			}
		}
	}
}

func TestMask(t *testing.T) {
	for _, c := range []struct{ secrets, text, want string }{
		{"hunter2", "a hunter2 b", "a *** b"},
		{"hunter2", "hunterhunter2hunter", "hunter***hunter"},
		{"hunter2", "hunter", "hunter"},
		{"hunter2", "hunter2hunter2", "***"},
		{"aaaa", "aaaaaaa", "***"},
		{"aaaa", "aaa aaaa aaa", "aaa *** aaa"},
		{"abcd,cdef", "xabcdefx", "x***x"},
		{"abcd,abcdefgh", "abcdefgx", "***efgx"},
		{"abcd,xabcy", "xabcd", "x***"},
		{"user:pass", "curl -u user%3Apass user%3apass", "curl -u *** ***"},
	} {
		for size := 1; size <= len(c.text); size++ {
			var chunks [][]byte
			for rest := []byte(c.text); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				chunks = append(chunks, rest[:min(size, len(rest))])
			}
			if got := masked(t, strings.Split(c.secrets, ","), chunks); got != c.want {
				t.Errorf("%s in chunks of %d: %q, want %q", c.text, size, got, c.want)
			}
		}
	}
}

// Nothing is held back that cannot become a secret.
func TestMaskHoldsBackLittle(t *testing.T) {
	m, err := newMasker([]string{"S"}, func(string) string { return "hunter2" })
	if err != nil {
		t.Fatal(err)
	}
	if got := string(m.pass([]byte("a prompt: "))); got != "a prompt: " {
		t.Errorf("%q", got)
	}
	if got := string(m.pass([]byte("hunt"))); got != "" {
		t.Errorf("%q may become a secret", got)
	}
	if got := string(m.pass([]byte("ing"))); got != "hunting" {
		t.Errorf("%q", got)
	}
}

func TestMaskRefusesShortValues(t *testing.T) {
	for _, value := range []string{"", "abc"} {
		_, err := newMasker([]string{"TOKEN"}, func(string) string { return value })
		if err == nil ||
			err.Error() != "secret TOKEN has fewer than 4 characters and cannot be masked. Choose a longer one" {
			t.Errorf("%q: %v", value, err)
		}
	}
	m, err := newMasker(nil, nil)
	if m != nil || err != nil {
		t.Errorf("no secrets: %v, %v", m, err)
	}
}

func FuzzMask(f *testing.F) {
	f.Add("hunter2", "a hunter2 b", uint8(3))
	f.Add("aaaa", "aaaaaab", uint8(1))
	f.Add("a\nbbbb\nc", "bbbb", uint8(2))
	f.Fuzz(func(t *testing.T, secret, text string, size uint8) {
		if len(secret) < minSecretBytes || strings.Contains(secret, "***") || strings.Trim(secret, "*") == "" {
			t.Skip()
		}
		var chunks [][]byte
		for rest := []byte(text); len(rest) > 0; {
			n := min(len(rest), 1+int(size))
			chunks, rest = append(chunks, rest[:n]), rest[n:]
		}
		out := masked(t, []string{secret}, chunks)
		hit := false
		for _, form := range encodings(secret) {
			hit = hit || strings.Contains(text, form)
			if !strings.Contains(form, "*") && strings.Contains(out, form) {
				t.Errorf("%q is visible in %q", form, out)
			}
		}
		if !hit && out != text {
			t.Errorf("%q became %q", text, out)
		}
	})
}

func BenchmarkMask(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 1))
	secrets := canaries(random)
	names, values := []string{}, map[string]string{}
	for i, s := range secrets {
		names = append(names, fmt.Sprint("S", i))
		values[names[i]] = s
	}
	m, err := newMasker(names, func(n string) string { return values[n] })
	if err != nil {
		b.Fatal(err)
	}
	text := bytes.Repeat([]byte("2026-01-01 some line of a log, as a compiler or a test prints it: ok  \n"), 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		m.pass(text)
	}
}

// Through the real runner: output, sentence and count.
func TestSecretsAreMasked(t *testing.T) {
	t.Setenv("TOKEN", "hunter2!")
	p := script(`echo "a $TOKEN b"; printf %s "$TOKEN" | base64; printf hun; sleep 0.2; echo ter2! >&2`)
	p.Mask = []string{"TOKEN"}
	short := script("echo never")
	short.Mask, short.Needs = []string{"NO_SUCH_SECRET"}, []int{0}
	pod := newPodOf(t, p, short)
	codes, outputs := pod.runAll(2)
	if want := "a *** b\n***=\n***\n"; outputs[0] != want || codes[0] != 0 {
		t.Errorf("%d %q, want %q", codes[0], outputs[0], want)
	}
	r := pod.record("0")
	if r.Bytes != int64(len(outputs[0])) || r.Lines != 3 {
		t.Errorf("record %+v", r)
	}
	want := "secret NO_SUCH_SECRET has fewer than 4 characters and cannot be masked. Choose a longer one"
	r = pod.record("1")
	if !r.Broken || r.Reason != want || strings.Contains(outputs[1], "never") {
		t.Errorf("record %+v, output %q", r, outputs[1])
	}
}

func TestMaskInASentence(t *testing.T) {
	m, err := newMasker([]string{"S"}, func(string) string { return "hunter2-hunter2" })
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"the image has no hunter2-hunter2":     "the image has no ***",
		"2001: hunter2-hunter2 ends with hunt": "2001: *** ends with hunt",
	} {
		if got := m.text(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestC13MaskInTraces: a script that traces itself, or quotes a secret, does not show it.
func TestC13MaskInTraces(t *testing.T) {
	for name, secret := range map[string]string{
		"quotes":       `it's "hunter" 'two'`,
		"many quotes":  `''hunter''two'`,
		"signs":        "~hunter|&;()<>!{}*[]?^$`,\\#two",
		"begins with#": "#hunter~ two",
		"lines":        "hunter's\nhunter two",
	} {
		for _, shell := range [][]string{{"sh"}, {"bash"}, {"busybox", "ash"}} {
			if _, err := exec.LookPath(shell[0]); err != nil {
				continue
			}
			p := runner.StepPlan{
				Script:  "set -x\ntest \"$KEY\" != x\nset +x\nprintf '%q\\n' \"$KEY\" || true\n",
				Command: shell,
				Quiet:   true,
				Mask:    []string{"KEY"},
			}
			_, log, _ := runOne(t, p, "KEY="+secret)
			if strings.Contains(log, "hunter") || strings.Contains(log, "two") {
				t.Errorf("%s, %v: %q", name, shell, log)
			}
		}
	}
}
