package main

import "fmt"

// minSecret is the fewest bytes that can be masked without masking everything.
const minSecret = 4

// masker replaces secrets in a stream by ***. It is an automaton of Aho and
// Corasick over all forms that a secret may be printed in; it holds back only
// bytes that may be the beginning of one.
type masker struct {
	nodes  []node
	root   [256]int32
	state  int32
	held   []byte
	masked []bool // of held
	inside bool   // the byte before held was masked
	out    []byte
}

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

// newMasker reads the values of environment variables; nil when there are none.
func newMasker(names []string, getenv func(string) string) (*masker, error) {
	if len(names) == 0 {
		return nil, nil
	}
	m := &masker{nodes: make([]node, 1)}
	for _, name := range names {
		value := getenv(name)
		if len(value) < minSecret {
			return nil, fmt.Errorf(
				"secret %s has fewer than %d characters, which cannot be masked; choose a longer one",
				name,
				minSecret,
			)
		}
		for _, form := range forms(value) {
			m.add(form)
		}
	}
	m.link()
	return m, nil
}

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

// link sets where each node goes on when its edges do not fit, in order of depth.
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

func (m *masker) edge(at int32, b byte) int32 {
	for _, e := range m.nodes[at].edges {
		if e.b == b {
			return e.to
		}
	}
	return 0
}

func (m *masker) next(at int32, b byte) int32 {
	for at != 0 {
		if to := m.edge(at, b); to != 0 {
			return to
		}
		at = m.nodes[at].fail
	}
	return m.root[b]
}

// pass returns what of the stream can be printed now. It is good until the next call.
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

// flush returns what was held back, at the end of the stream.
func (m *masker) flush() []byte {
	m.out = m.out[:0]
	m.release(len(m.held))
	m.state, m.inside = 0, false
	return m.out
}

// release prints the first n bytes that are held.
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

// text masks a sentence of the runner's own.
func (m *masker) text(s string) string {
	if m == nil {
		return s
	}
	one := &masker{nodes: m.nodes, root: m.root}
	passed := string(one.pass([]byte(s))) // flush reuses its memory
	return passed + string(one.flush())
}
