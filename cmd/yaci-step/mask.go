package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// minSecretBytes is the length of the shortest secret. Masking a shorter one would mask ordinary output.
const minSecretBytes = 4

// masker replaces secrets in a stream by ***. It is an Aho-Corasick automaton
// (https://en.wikipedia.org/wiki/Aho%E2%80%93Corasick_algorithm) for all encodings of the secrets.
// It holds back only bytes that may be the beginning of a secret.
type masker struct {
	nodes  []node
	root   [256]int32
	state  int32
	held   []byte
	masked []bool // of held
	inside bool   // the byte before held was masked
	out    []byte
}

// node is a state of the automaton: the longest suffix of the stream that begins an encoding.
type node struct {
	edges []edge
	fail  int32
	depth int32
	match int32 // length of the longest form that ends here
}

type edge struct {
	b  byte
	to int32
}

// newMasker returns a masker for the values of environment variables, or nil if names is empty.
func newMasker(names []string, getenv func(string) string) (*masker, error) {
	if len(names) == 0 {
		return nil, nil
	}
	m := &masker{nodes: make([]node, 1)}
	for _, name := range names {
		value := getenv(name)
		if len(value) < minSecretBytes {
			return nil, fmt.Errorf(
				"secret %s has fewer than %d characters and cannot be masked. Choose a longer one",
				name,
				minSecretBytes,
			)
		}
		for _, form := range encodings(value) {
			m.add(form)
		}
	}
	m.link()
	return m, nil
}

// add adds one encoding of a secret to the trie.
func (m *masker) add(form string) {
	at := int32(0)
	for i := range len(form) {
		next := m.edge(at, form[i])
		if next == 0 {
			next = int32(len(m.nodes))
			m.nodes = append(m.nodes, node{depth: int32(i + 1)})
			m.nodes[at].edges = append(m.nodes[at].edges, edge{form[i], next})
		}
		at = next
	}
	m.nodes[at].match = m.nodes[at].depth
}

// link sets the failure link of each node, in order of depth: the node for the longest proper
// suffix that begins an encoding.
func (m *masker) link() {
	queue := []int32{}
	for _, e := range m.nodes[0].edges {
		m.root[e.b] = e.to
		queue = append(queue, e.to)
	}
	for i := 0; i < len(queue); i++ {
		n := &m.nodes[queue[i]]
		n.match = max(n.match, m.nodes[n.fail].match)
		for _, e := range n.edges {
			m.nodes[e.to].fail = m.next(n.fail, e.b)
			queue = append(queue, e.to)
		}
	}
}

// edge returns the child of a node for a byte, or 0. Nodes have few children, so a list is smaller
// than a map.
func (m *masker) edge(at int32, b byte) int32 {
	for _, e := range m.nodes[at].edges {
		if e.b == b {
			return e.to
		}
	}
	return 0
}

// next returns the state after a byte. It follows failure links until a node has an edge for it.
func (m *masker) next(at int32, b byte) int32 {
	for at != 0 {
		if to := m.edge(at, b); to != 0 {
			return to
		}
		at = m.nodes[at].fail
	}
	return m.root[b]
}

// pass returns what can be printed after the next part of the stream. The result is valid until the
// next call.
func (m *masker) pass(p []byte) []byte {
	m.out = m.out[:0]
	for _, b := range p {
		m.state = m.next(m.state, b)
		if m.state == 0 && len(m.held) == 0 {
			m.out, m.inside = append(m.out, b), false
			continue
		}
		m.held, m.masked = append(m.held, b), append(m.masked, false)
		n := &m.nodes[m.state]
		for i := len(m.masked) - int(n.match); i < len(m.masked); i++ {
			m.masked[i] = true
		}
		m.release(len(m.held) - int(n.depth))
	}
	return m.out
}

// flush returns what was held back. It is called at the end of the stream.
func (m *masker) flush() []byte {
	m.out = m.out[:0]
	m.release(len(m.held))
	m.state, m.inside = 0, false
	return m.out
}

// release moves the first n bytes from held to out.
func (m *masker) release(n int) {
	if n <= 0 {
		return
	}
	for i := range n {
		switch {
		case !m.masked[i]:
			m.out = append(m.out, m.held[i])
		case !m.inside:
			m.out = append(m.out, "***"...)
		}
		m.inside = m.masked[i]
	}
	m.held = m.held[:copy(m.held, m.held[n:])]
	m.masked = m.masked[:copy(m.masked, m.masked[n:])]
}

// text masks a message of the runner. A nil masker returns it unchanged.
func (m *masker) text(s string) string {
	if m == nil {
		return s
	}
	one := &masker{nodes: m.nodes, root: m.root}
	passed := string(one.pass([]byte(s))) // flush reuses its memory
	return passed + string(one.flush())
}

// encodings returns the ways in which a program may print a secret: as it is, line by line, in
// base64 at any offset, and escaped for a URL, for JSON or for a shell.
func encodings(value string) (all []string) {
	all = append(all, value)
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); len(line) >= minSecretBytes {
			all = append(append(all, line), shellEncodings(line)...)
		}
	}
	for offset := range 3 {
		all = append(all, base64Encodings(value, offset)...)
	}
	for _, space := range []string{"+", "%20"} {
		all = append(all, urlEncoding(value, "%%%02X", space), urlEncoding(value, "%%%02x", space))
	}
	for _, html := range []bool{true, false} {
		form := jsonEncoding(value, html)
		all = append(all, form, strings.ReplaceAll(form, "/", `\/`))
	}
	return append(all, shellEncodings(value)...)
}

// shellEncodings returns how shells print a value with "set -x" (bash, then dash and BusyBox) and
// with printf %q, without the quotes around it. The last one is that of bash for a value with
// control characters.
func shellEncodings(value string) []string {
	return []string{
		strings.ReplaceAll(value, "'", `'\''`),
		dashEncoding(value),
		backslashEncoding(value),
		strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(value),
	}
}

// dashEncoding puts each run of single quotes into double quotes, outside the single quotes around
// the rest.
func dashEncoding(value string) string {
	var b strings.Builder
	for i := range len(value) {
		quote := value[i] == '\''
		if quote && (i == 0 || value[i-1] != '\'') {
			b.WriteString(`'"`)
		}
		b.WriteByte(value[i])
		if quote && i+1 < len(value) && value[i+1] != '\'' {
			b.WriteString(`"'`)
		}
	}
	return b.String()
}

// backslashEncoding escapes a value like printf %q of bash: # and ~ only at the beginning.
func backslashEncoding(value string) string {
	var b strings.Builder
	for i := range len(value) {
		if strings.IndexByte(" '\"\\|&;()<>!{}*[]?^$`,", value[i]) >= 0 || i == 0 && (value[i] == '#' || value[i] == '~') {
			b.WriteByte('\\')
		}
		b.WriteByte(value[i])
	}
	return b.String()
}

// base64Encodings returns the characters that depend on the value alone if it begins at an offset
// of the encoded data, and those up to its end if it is the end of the data.
func base64Encodings(value string, offset int) (all []string) {
	before := (offset*8 + 5) / 6 // characters that also depend on what comes before
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		text := enc.EncodeToString(append(make([]byte, offset), value...))
		determined := (offset + len(value)) * 8 / 6
		all = append(all, text[before:determined], text[before:])
	}
	return all
}

// urlEncoding escapes all characters except those that RFC 3986 (2.3) calls unreserved.
func urlEncoding(value, format, space string) string {
	var b strings.Builder
	for i := range len(value) {
		switch c := value[i]; {
		case c == ' ':
			b.WriteString(space)
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, format, c)
		}
	}
	return b.String()
}

// jsonEncoding returns value as the inside of a JSON string.
func jsonEncoding(value string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if e.Encode(value) != nil {
		return value
	}
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
}
