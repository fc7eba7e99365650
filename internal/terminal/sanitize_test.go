package terminal

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// S20: of what a stranger prints, text and colours reach the terminal.
func TestS20Sanitizer(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\n":                               "plain\ttext\n",
		"\x1b[31mred\x1b[0m\n":                        "\x1b[31mred\x1b[0m\n",
		"\x1b[38;5;196m\x1b[38:2::1:2:3mx\n":          "\x1b[38;5;196m\x1b[38:2::1:2:3mx\n",
		"a\x1b[2Jb\x1b[1;1Hc\x1b[1Ad\n":               "abcd\n",
		"\x1b]0;title\x07x\x1b]2;title\x1b\\y\n":      "xy\n",
		"\x1b]8;;javascript:x\x07link\x1b]8;;\x07\n":  "link\n",
		"\x1b]52;c;cm0gLXJm\x07x\n":                   "x\n",
		"\x1bP+q544e\x1b\\x\x1b_yaci 1 2\x1b\\y\n":    "xy\n",
		"\x1b]0;never ended\nnext line\n":             "\nnext line\n",
		"\x1b[31;never ended\nnext line\n":            "ever ended\nnext line\n",
		"10%\r20%\r\n":                                "10%\n20%\n",
		"\u009b2Jx\u202eevil\u2066\n":                 "2Jxevil\n",
		"\x9b2J\x84x\n":                               "\ufffd2J\ufffdx\n",
		"\x08\x08\x0cx\x7f\x00\a\n":                   "x\n",
		"é 日本 🎉\n":                                    "é 日本 🎉\n",
		"cut \xe6\x97\n":                              "cut \ufffd\n",
		"\x1b(0x\x1bcy\x1b7z\n":                       "xyz\n",
		"\x1b[?1049hx\x1b[>4;2my\x1b[6nz\n":           "xyz\n",
		"\x1b\x1b[2Jx\n":                              "x\n",
		"\x1b[" + strings.Repeat("1;", 5000) + "mx\n": "x\n",
	} {
		for _, size := range []int{1, 2, 3, 1 << 20} { // wherever the log is cut
			var out bytes.Buffer
			s := NewSanitizer(&out)
			for rest := []byte(in); len(rest) > 0; {
				n := min(size, len(rest))
				if _, err := s.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if out.String() != want {
				t.Errorf("%q in pieces of %d: %q, want %q", in, size, out.String(), want)
			}
		}
	}
}

// Whatever comes: what is left has no control sequence but colours.
func TestS20SanitizerProperty(t *testing.T) {
	alphabet := []string{
		"\x1b",
		"[",
		"]",
		"m",
		"0",
		";",
		"\x07",
		"\\",
		"P",
		"_",
		"\r",
		"\n",
		"x",
		"é",
		"\x9b",
		"\u202e",
		"J",
		"\x00",
		"8;;http://x",
		"?",
	}
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 20))
		var in strings.Builder
		for range r.IntN(60) {
			in.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		var out bytes.Buffer
		if _, err := NewSanitizer(&out).Write([]byte(in.String())); err != nil {
			t.Fatal(err)
		}
		rest := out.String()
		for rest != "" {
			if after, ok := strings.CutPrefix(rest, "\x1b["); ok {
				parameters, tail, ended := strings.Cut(after, "m")
				if !ended || strings.Trim(parameters, "0123456789;:") != "" {
					t.Fatalf("seed %d: %q gave %q", seed, in.String(), out.String())
				}
				rest = tail
				continue
			}
			c, n := utf8.DecodeRuneInString(rest)
			if c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == '\u202e' {
				t.Fatalf("seed %d: %q gave %q", seed, in.String(), out.String())
			}
			rest = rest[n:]
		}
	}
}
